//! Laws that hold for every query and all data.

use std::collections::BTreeMap;

use apptuit_model::{TimeRange, TimeSeries, Timestamp};
use apptuit_query::{Answer, check, parse};
use proptest::prelude::*;

use crate::source::Memory;

/// Pieces of a query: what stands between them may be blank or not.
type Pieces = Vec<String>;

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_]{0,5}".prop_filter("a name of a variable", |name| {
        !matches!(name.as_str(), "fetch" | "output" | "True" | "False")
    })
}

fn text() -> impl Strategy<Value = String> {
    // Pairs that could be taken for an escape or a template variable are likely here.
    let text = r#"([a-z0-9=~*|., '"\\$\[\]{}\n\t\r]|[^\x00-\x7f]){0,12}"#;
    (text, any::<bool>()).prop_map(|(text, double)| {
        let quote = if double { '"' } else { '\'' };
        let mut quoted = String::from(quote);
        for c in text.chars() {
            match c {
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                _ if c == quote => quoted.extend(['\\', c]),
                '\\' => quoted.push_str("\\\\"),
                _ => quoted.push(c),
            }
        }
        quoted.push(quote);
        quoted
    })
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        "[0-9]{1,9}\\.[0-9]{0,9}([eE][+-]?[0-9]{1,2})?",
        prop::num::f64::NORMAL.prop_map(|number| format!("{number:?}")),
    ]
}

fn call(
    name: impl Strategy<Value = String> + 'static,
    value: BoxedStrategy<Pieces>,
) -> BoxedStrategy<Pieces> {
    let keyword = prop::option::of("[a-z]{1,4}");
    let value =
        prop_oneof![text().prop_map(|text| vec![text]), Just(vec!["True".to_owned()]), value,];
    (name, prop::collection::vec((keyword, value), 0..3))
        .prop_map(|(name, arguments)| {
            let mut pieces = vec![name, "(".to_owned()];
            for (n, (keyword, value)) in arguments.into_iter().enumerate() {
                if n > 0 {
                    pieces.push(",".to_owned());
                }
                pieces.extend(keyword.into_iter().flat_map(|keyword| [keyword, "=".to_owned()]));
                pieces.extend(value);
            }
            pieces.push(")".to_owned());
            pieces
        })
        .boxed()
}

fn expression() -> impl Strategy<Value = Pieces> {
    let leaf = prop_oneof![name(), number()].prop_map(|leaf| vec![leaf]).boxed();
    leaf.prop_recursive(4, 24, 3, |inner| {
        let group = inner.clone().prop_map(|inner| {
            let mut pieces = vec!["(".to_owned()];
            pieces.extend(inner);
            pieces.push(")".to_owned());
            pieces
        });
        let fetch = call(Just("fetch".to_owned()), inner.clone());
        let first = prop_oneof![group, fetch, inner.clone()];
        (first, prop::collection::vec(call(name(), inner), 0..3)).prop_map(|(first, methods)| {
            methods.into_iter().fold(first, |mut pieces, method| {
                pieces.push(".".to_owned());
                pieces.extend(method);
                pieces
            })
        })
    })
}

fn statement() -> impl Strategy<Value = Pieces> {
    (prop::option::of(name()), expression()).prop_map(|(name, value)| {
        let mut pieces: Pieces = name.into_iter().flat_map(|name| [name, "=".to_owned()]).collect();
        pieces.extend(value);
        pieces
    })
}

fn laid_out(statements: &[Pieces], blank: &str, end: &str) -> String {
    statements.iter().map(|pieces| pieces.join(blank) + end).collect()
}

proptest! {
    #[test]
    fn print_then_parse_is_the_identity(
        statements in prop::collection::vec(statement(), 1..4),
        blank in "[ \t]{1,3}",
        end in prop_oneof![Just(";"), Just("\n"), Just(" ; # end\n\n")],
    ) {
        let text = laid_out(&statements, &blank, end);
        // Random strings may hold a template variable, which is rightly refused.
        let query = match parse(&text) {
            Err(error) if error.message().starts_with("template variable") => return Ok(()),
            parsed => parsed.expect("a generated query parses"),
        };
        let printed = query.to_string();
        let again = parse(&printed).expect("a printed query parses");
        prop_assert_eq!(&again, &query, "{}", printed);
        prop_assert_eq!(again.to_string(), printed);

        let laid_out = query.laid_out();
        let again = parse(&laid_out).expect("a query that was laid out parses");
        prop_assert_eq!(&again, &query, "{}", laid_out);
        prop_assert_eq!(again.laid_out(), laid_out);
    }

    #[test]
    fn no_text_breaks_the_checks_and_errors_stand_inside_it(
        text in r#"([a-z'"(),.;=$#\n\\0-9+é-]|fetch\(|output\(|\.sum\(|'m'|top3|\[\[x\]\]){0,40}"#,
    ) {
        if let Err(error) = check(&text) {
            let span = error.span();
            prop_assert!(text.get(span.start..span.end).is_some(), "{:?}", span);
            prop_assert!(!error.message().contains('\n'));
            prop_assert!(error.to_string().lines().count() == 3, "{}", error);
        }
    }
}

/// Whole numbers, so that sums are exact in any order; host and core as tags.
fn data() -> impl Strategy<Value = Vec<TimeSeries>> {
    let points = prop::collection::btree_map(0_i64..600, -1000_i32..1000, 1..30);
    let tags = prop::collection::btree_set((0_u8..3, 0_u8..3), 1..6);
    (tags, prop::collection::vec(points, 6)).prop_map(|(tags, points)| {
        let series = |((host, core), points): ((u8, u8), BTreeMap<i64, i32>)| {
            let tags = [("host", host.to_string()), ("core", core.to_string())];
            let points = points.into_iter();
            TimeSeries::from_points(
                ("m", tags),
                points.map(|(at, value)| (Timestamp::from_secs(at), f64::from(value))),
            )
        };
        tags.into_iter().zip(points).map(series).collect()
    })
}

fn run(series: &[TimeSeries], text: &str) -> Answer {
    let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(600));
    Memory::of(series.iter().cloned()).run(text, range).expect("an answer")
}

fn points(answer: &Answer) -> Vec<(Timestamp, f64)> {
    answer.outputs.iter().flat_map(|o| &o.series).flat_map(|s| s.series.iter()).collect()
}

proptest! {
    #[test]
    fn the_sum_of_the_groups_is_the_sum(series in data()) {
        let whole = run(&series, "fetch('m').sum()");
        for grouped in ["by='host'", "without='host'", "by='core,host'"] {
            let groups = run(&series, &format!("fetch('m').sum({grouped}).sum()"));
            prop_assert_eq!(points(&groups), points(&whole));
        }
        let mut expected = BTreeMap::new();
        for (at, value) in series.iter().flat_map(TimeSeries::iter) {
            *expected.entry(at).or_insert(0.0) += value;
        }
        prop_assert_eq!(points(&whole), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn two_steps_of_downsampling_equal_one_where_they_must(series in data()) {
        for function in ["sum", "min", "max", "first", "last"] {
            let one = run(&series, &format!("fetch('m').downsample('2m', '{function}')"));
            let two = run(&series, &format!(
                "fetch('m').downsample('30s', '{function}').downsample('2m', '{function}')"
            ));
            prop_assert_eq!(one.outputs, two.outputs, "{}", function);
        }
    }

    #[test]
    fn a_buckets_count_times_its_average_is_its_sum(series in data()) {
        let by = |f: &str| points(&run(&series, &format!("fetch('m').downsample('1m', '{f}')")));
        for ((average, count), sum) in by("avg").into_iter().zip(by("count")).zip(by("sum")) {
            prop_assert_eq!((average.0, count.0), (sum.0, sum.0));
            prop_assert!((average.1 * count.1 - sum.1).abs() <= 1e-9 * sum.1.abs().max(1.0));
        }
    }

    #[test]
    fn adding_and_taking_away_again_changes_nothing(series in data()) {
        let plain = run(&series, "fetch('m')");
        let there_and_back = run(&series, "A = fetch('m'); A = A.add(A).sub(A); output(A)");
        prop_assert_eq!(points(&plain), points(&there_and_back));
    }
    #[test]
    fn deltas_add_up_to_the_way_from_the_first_to_the_last(series in data()) {
        let sums = run(&series, "fetch('m', rate='delta').series_sum()");
        let ways = "A = fetch('m'); A = A.series_last().sub(A.series_first()); output(A)";
        let several = |series: &&TimeSeries| series.len() > 1;
        let several = series.iter().filter(several).cloned().collect::<Vec<_>>();
        prop_assert_eq!(points(&sums).len(), several.len());
        if !several.is_empty() {
            prop_assert_eq!(points(&sums), points(&run(&several, ways)));
        }
    }

    #[test]
    fn a_rate_is_the_same_wherever_the_range_starts(series in data(), start in 0_i64..600) {
        let end = Timestamp::from_secs(600);
        let memory = Memory::of(series);
        let from = |start| {
            let range = TimeRange::new(Timestamp::from_secs(start), end);
            points(&memory.run("fetch('m', rate='counter')", range).expect("an answer"))
        };
        let mut all = from(0);
        all.retain(|(at, _)| *at >= Timestamp::from_secs(start));
        prop_assert_eq!(from(start), all);
    }

    #[test]
    fn the_top_is_what_a_sort_of_each_instant_leaves(series in data(), k in 1_usize..5) {
        // The order of the answer is the order that decides between equal values.
        let all = run(&series, "fetch('m')");
        let mut by_instant: BTreeMap<Timestamp, Vec<(f64, usize)>> = BTreeMap::new();
        for (n, found) in all.outputs[0].series.iter().enumerate() {
            for (at, value) in found.series.iter() {
                by_instant.entry(at).or_default().push((value, n));
            }
        }
        let mut expected = vec![Vec::new(); all.outputs[0].series.len()];
        for (at, mut values) in by_instant {
            values.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (value, n) in values.into_iter().take(k) {
                expected[n].push((at, value));
            }
        }
        expected.retain(|points| !points.is_empty());
        let top = run(&series, &format!("fetch('m').top{k}()"));
        let found: Vec<Vec<_>> =
            top.outputs[0].series.iter().map(|found| found.series.iter().collect()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn percentiles_rise_from_the_least_to_the_greatest(series in data()) {
        let functions = ["min", "p50", "p75", "p90", "p95", "p99", "p999", "max"];
        let found = functions.map(|function| {
            points(&run(&series, &format!("fetch('m').downsample('5m', '{function}')")))
        });
        for pair in found.windows(2) {
            for (lower, upper) in pair[0].iter().zip(&pair[1]) {
                prop_assert!(lower.0 == upper.0 && lower.1 <= upper.1, "{lower:?} {upper:?}");
            }
        }
    }

    #[test]
    fn a_variance_is_the_mean_of_the_squares_less_the_square_of_the_mean(series in data()) {
        let by = |f: &str| points(&run(&series, &format!("fetch('m').downsample('5m', '{f}')")));
        let text = "A = fetch('m'); A = A.mult(A).downsample('5m', 'avg'); output(A)";
        let squares = points(&run(&series, text));
        let (means, variances, deviations) = (by("avg"), by("stdvar"), by("stddev"));
        prop_assert_eq!(variances.len(), squares.len());
        for (n, (at, variance)) in variances.into_iter().enumerate() {
            let expected = squares[n].1 - means[n].1 * means[n].1;
            prop_assert!(at == squares[n].0 && (variance - expected).abs() < 1e-6, "{variance}");
            prop_assert!((deviations[n].1 * deviations[n].1 - variance).abs() < 1e-6);
        }
    }
}
