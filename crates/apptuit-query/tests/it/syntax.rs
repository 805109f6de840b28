//! What is a query, what is not, and how the error says so.

use apptuit_query::{QueryErrorKind, check, parse};

fn canonical(text: &str) -> String {
    parse(text).expect("the text is a query").to_string()
}

/// The line, the column and the message of the error that `text` has.
fn error(text: &str) -> (usize, usize, String) {
    let error = parse(text).expect_err("the text is no query");
    assert_eq!(error.error_type(), "ERROR_PARSING_QUERY", "{error}");
    (error.line(), error.column(), error.message())
}

#[test]
fn layout_does_not_matter() {
    let plain = "A = fetch('m').sum(by='k');\nB = A.add(1);\noutput(A, B);\n";
    assert_eq!(canonical("A=fetch('m').sum(by='k');B=A.add(1);output(A,B)"), plain);
    assert_eq!(
        canonical("\n ;; A=fetch(\"m\")\t.sum( by = 'k', )\r\n  B=A.add(1)\n\noutput(A,B,)"),
        plain
    );
    assert_eq!(
        canonical(
            "A=fetch(\n  'm' # the metric\n)\n  .sum(by='k')".replace(")\n  .", ").").as_str()
        ),
        "A = fetch('m').sum(by='k');\n"
    );
}

#[test]
fn parentheses_around_a_value_change_nothing() {
    let plain = "A = fetch('m').sum().add(B.max());\n";
    assert_eq!(canonical("A=(fetch('m')).sum().add((B.max()))"), plain);
    assert_eq!(canonical("A=((fetch('m').sum())\n.add(B\n.max()\n))"), plain);
}

#[test]
fn a_long_chain_has_a_line_a_method() {
    let text = "# what is busy\nout=out.sub(fetch('proc.net.bytes', rate='true', align=\"15s\")\
                .tag_filter('direction==out').downsample('10m','avg')\
                .sum(by='host'), ignore='direction').top3(); # the rest\nB=out;output(out, B)";
    let lines = [
        "# what is busy",
        "out = (",
        "    out",
        "    .sub(",
        "        fetch('proc.net.bytes', rate='true', align='15s')",
        "        .tag_filter('direction==out')",
        "        .downsample('10m', 'avg')",
        "        .sum(by='host'),",
        "        ignore='direction'",
        "    )",
        "    .top3()",
        ");  # the rest",
        "B = out;",
        "output(out, B);",
        "",
    ];
    let query = parse(text).expect("the text is a query");
    assert_eq!(query.laid_out(), lines.join("\n"));
    assert_eq!(parse(&query.laid_out()).as_ref(), Ok(&query));
}

#[test]
fn comments_stay_when_a_query_is_laid_out() {
    let text = "A=fetch( # one\n'm'); B=A # two\n\n# three\n# four\noutput(A) # five\n#six";
    let lines = [
        "# one",
        "A = fetch('m');",
        "B = A;  # two",
        "# three",
        "# four",
        "output(A);  # five",
        "#six",
        "",
    ];
    let laid_out = parse(text).expect("the text is a query").laid_out();
    assert_eq!(laid_out, lines.join("\n"));
    assert_eq!(parse(&laid_out).expect("a query").laid_out(), laid_out);
}

#[test]
fn a_query_as_deep_as_it_may_be_stays_one_when_it_is_laid_out() {
    let deep = format!("{}fetch('metric'){}.sum()", "A.add(".repeat(49), ")".repeat(49));
    let text = format!("A=fetch('m');{deep}");
    check(&text).expect("fifty calls in each other");
    let laid_out = parse(&text).expect("a query").laid_out();
    check(&laid_out).expect("still fifty");
    assert_eq!(parse(&laid_out).expect("a query").laid_out(), laid_out);
}

#[test]
fn both_quotes_and_the_escapes_are_read() {
    assert_eq!(
        canonical(r#"fetch("it's").tag_filter('k=~[4-5]\d\d')"#),
        "fetch('it\\'s').tag_filter('k=~[4-5]\\d\\d');\n"
    );
    assert_eq!(
        canonical(r#"fetch('a\\b\'\"\n\t\r\q')"#),
        canonical("fetch(\"a\\\\b'\\\"\\n\\t\\r\\\\q\")")
    );
    assert_eq!(canonical("fetch('größe.温度 🌡')"), "fetch('größe.温度 🌡');\n");
}

#[test]
fn numbers_are_read_in_every_form() {
    for (text, printed) in [
        ("A=-1", "A = -1;\n"),
        ("A=+1.50", "A = 1.5;\n"),
        ("A=1.", "A = 1;\n"),
        ("A=1e3", "A = 1000;\n"),
        ("A=2.5E-3", "A = 0.0025;\n"),
        ("A=100.sub(1)", "A = 100.0.sub(1);\n"),
        ("A=-1.mult(x)", "A = (-1.0).mult(x);\n"),
        ("A=((100)).sub(x)", "A = 100.0.sub(x);\n"),
    ] {
        assert_eq!(canonical(text), printed, "{text}");
    }
    assert_eq!(error("A=1e999"), (1, 2, "number `1e999` is too large".to_owned()));
    assert_eq!(error("fetch('m').downsample(1m, 'avg')").1, 22);
}

#[test]
fn an_empty_query_is_an_error() {
    for text in ["", "  \n ; \n", "# only a comment"] {
        assert!(error(text).2.starts_with("empty query"), "{text:?}");
    }
}

#[test]
fn template_variables_are_refused_by_name() {
    for (text, column, name) in [
        ("fetch('m').downsample('[[__interval]]','avg')", 23, "[[__interval]]"),
        ("fetch('m').downsample('$__interval','avg')", 23, "$__interval"),
        ("fetch('m')$global_tag_filter.sum()", 10, "$global_tag_filter"),
        ("fetch('m').tag_filter(\"cluster==${cluster}\")", 32, "${cluster}"),
    ] {
        let (line, at, message) = error(text);
        assert_eq!((line, at), (1, column), "{text}");
        let bare = name.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        let error = parse(text).expect_err("a variable");
        assert_eq!(error.template_variable(), Some(bare), "{text}");
        assert!(
            message.starts_with(&format!("template variable `{name}` is not expanded")),
            "{message}"
        );
    }
}

#[test]
fn a_dollar_or_a_bracket_of_a_regular_expression_is_no_variable() {
    for filter in ["k=~(a|b)$", "k=~a$|b", "k=~[[:digit:]]+", r"k=~\$x", r"k=~\\$x", "k=~.*[^]]"] {
        assert!(parse(&format!("fetch('m').tag_filter('{filter}')")).is_ok(), "{filter}");
    }
}

#[test]
fn text_escaped_for_json_is_recognised() {
    let (_, column, message) = error(r#"fetch(\"m\")"#);
    assert_eq!(column, 6);
    assert!(message.contains("JSON-escaped"), "{message}");
}

#[test]
fn operators_are_refused_with_the_method_to_write() {
    assert!(error("A=fetch('a'); A / 2").2.ends_with("write `.div(…)`"));
    assert!(error("A + A").2.ends_with("write `.add(…)`"));
    assert!(error("A -1").2.contains(".sub"));
    assert!(error("A.add(B * 2)").2.ends_with("write `.mult(…)`"));
    assert!(error("(A + B).sum()").2.ends_with("write `.add(…)`"));
    assert!(error("A.add(B -1)").2.contains(".sub"));
}

#[test]
fn errors_stand_where_the_text_is_wrong() {
    for (text, place, message) in [
        ("A=fetch('m';", (1, 11), "expected `,` or `)`, found `;`"),
        ("A=fetch('m", (1, 8), "string is not closed by `'`"),
        (
            "A=fetch('m')\nB=fetch('n').count",
            (2, 13),
            "method `count` must be called, write `count()`",
        ),
        (
            "A=fetch('m')\nB=",
            (2, 2),
            "expected a fetch, a variable, a number or `(`, found the end of the query",
        ),
        ("A=fetch('m') B", (1, 13), "expected `;` or the end of the line, found `B`"),
        ("fetch=1", (1, 0), "`fetch` cannot be the name of a variable"),
        ("A=fetch;B=A.sum()", (1, 2), "`fetch` is no variable: it must be called"),
        ("output A", (1, 0), "`output` is no variable: it must be called"),
        (
            r"fetch('m').tag_filter(r'k=~\d')",
            (1, 23),
            "expected `,` or `)`, found a string, \
             a string has no prefix: a backslash in it stays as it is",
        ),
        ("A=output(B)", (1, 2), "`output` is a statement and has no value"),
        ("A=(1", (1, 4), "expected `)`, found the end of the query"),
        (
            "A=fetch('m')\n  .sum()",
            (2, 2),
            "expected a fetch, a variable, a number or `(`, found `.`, \
             a chain of several lines stands in parentheses",
        ),
        ("'text'", (1, 0), "expected a fetch, a variable, a number or `(`, found a string"),
        ("fetch('é'); ü=1", (1, 13), "unexpected character `ü`"),
        ("fetch('m').5()", (1, 11), "expected the name of a method, found number `5.0`"),
    ] {
        let (line, column, found) = error(text);
        assert_eq!(((line, column), found.as_str()), (place, message), "{text}");
    }
}

#[test]
fn the_largest_are_asked_for_by_a_number_in_the_name() {
    for name in ["top1", "top5", "top9999"] {
        assert!(check(&format!("fetch('m').{name}()")).is_ok(), "{name}");
    }
    for name in ["top", "topk", "top0", "top05", "top10000", "top99999999"] {
        let error = check(&format!("fetch('m').{name}()")).expect_err(name);
        assert_eq!(
            error.message(),
            format!("unknown function `{name}`, `top1` to `top9999` are known")
        );
    }
}

#[test]
fn hostile_nesting_is_refused_and_long_chains_are_not() {
    for (open, close) in [("(", ")"), ("A.add(", ")"), ("fetch(", "")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let error = parse(&deep).expect_err("too deep");
        assert_eq!(error.kind(), QueryErrorKind::LimitExceeded, "{open}");
    }
    let chain = format!("fetch('m'){}", ".add(1)".repeat(900));
    assert!(check(&chain).is_ok());
    let longer = format!("fetch('m'){}", ".add(1)".repeat(1100));
    assert_eq!(parse(&longer).map_err(|error| error.kind()), Err(QueryErrorKind::LimitExceeded));
}

#[test]
fn text_statements_and_filters_are_bounded() {
    let long = format!("fetch('{}')", "m".repeat(2 << 20));
    let many = "A=1;".repeat(1001);
    let filters = format!("fetch('m'){}", ".tag_filter('k=~.')".repeat(201));
    for text in [long, many, filters] {
        let error = check(&text).expect_err("too large");
        assert_eq!(error.error_type(), "ERROR_LIMIT_EXCEEDED");
    }
}

#[test]
fn the_error_of_one_line_in_many_names_it() {
    let error = check("A = fetch('m');\nB = A.smu();\noutput(B)").expect_err("no such method");
    assert_eq!((error.line(), error.column(), error.hint()), (2, 6, Some("did you mean `sum`?")));
    let drawn = "query error: unknown function `smu`\n  \
                 line 2: B = A.smu();\n                \
                 ^^^ did you mean `sum`?";
    assert_eq!(error.to_string(), drawn);
}
