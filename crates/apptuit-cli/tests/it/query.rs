//! `apptuit query` where no server is asked: checks, layouts, variables.

use serde_json::Value;

use super::commands::{apptuit, stderr, stdout};

#[test]
fn a_query_is_checked_as_an_argument_and_from_standard_input() {
    for args in [&["query", "--check", "fetch('m').sum()"][..], &["query", "--check"]] {
        let output = apptuit(args, "A = fetch('m')\noutput(A)\n");
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(
            (stdout(&output).as_str(), stderr(&output).as_str()),
            ("", "the query is well formed\n")
        );
    }
    let output = apptuit(&["query", "-", "--check"], "A = fetch('m')\noutput(B)");
    assert_eq!(output.status.code(), Some(1));
    let drawn = "error: query error: undefined variable `B`\n  \
                 line 2: output(B)\n                 ^ did you mean `fetch('B')`?\n";
    assert_eq!(stderr(&output), drawn);
}

#[test]
fn many_queries_get_a_verdict_a_line() {
    let lines = r#"{"id": "q1", "query": "fetch('m').sum()", "dashboard": "d"}

{"id": 2, "query": "A=fetch('m');\nA.smu()"}
not json
{"id": "none"}
{"query": "fetch('m').tag_filter('host==$host')"}
"#;
    let output = apptuit(&["query", "--check", "--jsonl"], lines);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "error: 4 of 5 queries are not well formed\n");
    let said = stdout(&output);
    let verdicts: Vec<&str> = said.lines().collect();
    assert_eq!(verdicts[0], r#"{"id":"q1","ok":true}"#);
    assert_eq!(
        verdicts[1],
        r#"{"id":2,"ok":false,"errorType":"ERROR_UNKNOWN_FUNCTION","message":"unknown function `smu`, did you mean `sum`?","queryLineNo":2,"queryColumnOffset":2}"#
    );
    let verdicts: Vec<Value> =
        verdicts.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let ids: Vec<&Value> = verdicts.iter().map(|verdict| &verdict["id"]).collect();
    let none = Value::Null;
    assert_eq!(ids, [&Value::from("q1"), &Value::from(2), &none, &Value::from("none"), &none]);
    let message = |n: usize| verdicts[n]["message"].as_str().expect("a message");
    assert!(message(2).starts_with("line 4 is no object"), "{}", message(2));
    assert!(message(3).starts_with("line 5 is no object"), "{}", message(3));
    assert!(message(4).starts_with("template variable `$host`"), "{}", message(4));

    let good = lines.lines().next().expect("a line");
    let output = apptuit(&["query", "-", "--check", "--jsonl"], good);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "1 of 1 queries are well formed\n");
}

#[test]
fn variables_are_expanded_before_anything_else() {
    let text = "A=fetch('m')$global_tag_filter.downsample('[[__interval]]','avg')";
    let given = ["--var", "__interval=1m", "--var", "global_tag_filter=.tag_filter('host==$host')"];
    let check = ["query", text, "--check"];
    let output = apptuit(&[&check[..], &given].concat(), "");
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("template variable `$host` is not expanded"), "{said}");
    assert!(said.ends_with("hint: `--var host=VALUE` gives it a value\n"), "{said}");
    let output = apptuit(&[&check[..], &given, &["--var", "host=*"]].concat(), "");
    assert!(output.status.success(), "{}", stderr(&output));
    let line = format!("{{\"id\":1,\"query\":{}}}", Value::from(text));
    let lines = [&["query", "--check", "--jsonl", "--var", "host=*"][..], &given].concat();
    assert!(apptuit(&lines, &line).status.success());
    for wrong in ["host", "=x", "$host=x", "a-b=x"] {
        assert_eq!(
            apptuit(&["query", "--check", "--var", wrong], "").status.code(),
            Some(2),
            "{wrong}"
        );
    }
}

#[test]
fn format_without_a_word_lays_the_query_out() {
    let text = "A=fetch(\"node.cpu\",rate='counter').tag_filter('type==idle').downsample('[[s]]','avg').avg()";
    let laid_out = "A = (\n    fetch('node.cpu', rate='counter')\n    .tag_filter('type==idle')\n    \
                    .downsample('1m', 'avg')\n    .avg()\n);\n";
    let var = ["--var", "s=1m"];
    for (args, input) in [
        (&["query", text, "--format"][..], ""),
        (&["query", "--format", text], ""),
        (&["query", "--format", "query", text], ""),
        (&["query", "--format"], text),
        (&["query", "--format", "-"], text),
        (&["query", "-", "--format", "query"], text),
        (&["query", "--format"], laid_out),
    ] {
        let output = apptuit(&[args, &var].concat(), input);
        assert_eq!(stdout(&output), laid_out, "{args:?}: {}", stderr(&output));
    }
    let output = apptuit(&["query", "--format", "A=fetch('m'"], "");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    for args in [&["query", "--format", "cvs"][..], &["query", text, "--format", "(x)"]] {
        let output = apptuit(args, "");
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("expected `table`, `csv`, `json` or `query`"));
    }
}
