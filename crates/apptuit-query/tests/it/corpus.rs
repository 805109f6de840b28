//! The recorded queries, where their file is at hand: each runs on data made for it, and what comes
//! out is compared with what its text and the data imply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use apptuit_model::{Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};
use apptuit_query::{Output, QueryErrorKind, check, parse};

use crate::ranges::{Expected, Grid, Labels, World, expected};
use crate::reader::{Statement, statements};
use crate::source::Memory;

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/apptuit-queries.jsonl");

/// What a dashboard replaces before it sends, and the noise of the data. The first brings `$host`.
struct Expansion {
    variables: [(&'static str, &'static str); 8],
    /// By how much values go up and down, of 1.
    noise: f64,
    /// Whether something is left of every query.
    always_something: bool,
}

/// "All" everywhere; one cluster and several of the others; an hour in one bucket.
const EXPANSIONS: [Expansion; 3] = [
    Expansion {
        variables: variables(".tag_filter('host==$host')", "1m", "*", ["*", "*", "*"], "*"),
        noise: 0.0,
        always_something: true,
    },
    Expansion {
        variables: variables("", "5m", "c1", ["n1|n3", "i0|i1", "t0|t1"], ""),
        noise: 0.01,
        always_something: false,
    },
    Expansion {
        variables: variables(
            ".tag_filter('host==$host')",
            "1h",
            "c0|c1",
            ["n0|n1|n2|n3", "*", "*"],
            "h0|h1|h2|h3",
        ),
        noise: 0.01,
        always_something: false,
    },
];

const fn variables(
    global: &'static str,
    interval: &'static str,
    cluster: &'static str,
    [node, index, threadpool]: [&'static str; 3],
    host: &'static str,
) -> [(&'static str, &'static str); 8] {
    [
        ("$global_tag_filter", global),
        ("[[__interval]]", interval),
        ("$__interval", interval),
        ("$cluster", cluster),
        ("$node", node),
        ("$index", index),
        ("$threadpool", threadpool),
        ("$host", host),
    ]
}

/// A row of the file: its id, and the text as it was recorded.
struct Row {
    id: String,
    text: String,
}

impl Row {
    fn expanded(&self, expansion: &Expansion) -> String {
        let replaced = |text: String, (name, value): &(&str, &str)| text.replace(name, value);
        expansion.variables.iter().fold(self.text.clone(), replaced)
    }

    /// The rows that are no queries are left-overs: empty, or one bare word.
    fn is_query(&self) -> bool {
        self.text.contains("fetch(")
    }
}

fn rows() -> Option<Vec<Row>> {
    if !Path::new(FILE).exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{FILE} is missing");
        return None;
    }
    let rows = std::fs::read_to_string(FILE).expect("the file is readable");
    let row = |row: &str| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
        let text = |key: &str| row.get(key).and_then(|value| value.as_str()).expect("a string");
        Row { id: text("id").to_owned(), text: text("query").to_owned() }
    };
    let rows: Vec<Row> = rows.lines().map(row).collect();
    assert!(rows.iter().filter(|row| row.is_query()).count() > 200, "{} rows", rows.len());
    assert!(!rows.iter().all(Row::is_query), "some row is malformed");
    Some(rows)
}

#[test]
fn recorded_queries_parse_plan_and_print_as_themselves() {
    let Some(rows) = rows() else {
        println!("skipped recorded_queries_parse_plan_and_print_as_themselves: no file {FILE}");
        return;
    };
    for row in rows.iter().filter(|row| row.is_query()) {
        for expansion in &EXPANSIONS {
            let text = row.expanded(expansion);
            let query = parse(&text).unwrap_or_else(|error| panic!("{}: {error}", row.id));
            check(&text).unwrap_or_else(|error| panic!("{}: {error}", row.id));
            let printed = query.to_string();
            let again = parse(&printed).unwrap_or_else(|error| panic!("{}: {error}", row.id));
            assert_eq!(again, query, "{}: {printed}", row.id);
        }
    }
}

#[test]
fn recorded_text_that_is_no_query_is_refused_as_such() {
    let Some(rows) = rows() else {
        println!("skipped recorded_text_that_is_no_query_is_refused_as_such: no file {FILE}");
        return;
    };
    for row in rows.iter().filter(|row| !row.is_query()) {
        let error = check(&row.text).expect_err(&row.id);
        let word = row.text.trim();
        let (kind, message) = if word.is_empty() {
            (QueryErrorKind::Syntax, "empty query".to_owned())
        } else if let Some((_, method)) = word.split_once('.') {
            (QueryErrorKind::Syntax, format!("method `{method}` must be called"))
        } else {
            let hint = format!("undefined variable `{word}`, did you mean `fetch('{word}')`?");
            (QueryErrorKind::UndefinedVariable, hint)
        };
        assert_eq!(error.kind(), kind, "{}: {error}", row.id);
        assert!(error.message().starts_with(&message), "{}: {error}", row.id);
        assert_eq!((error.line(), error.span().start), (1, 0), "{}", row.id);
    }
}

#[test]
fn a_recorded_query_sent_as_it_was_saved_is_refused_by_its_first_variable() {
    let Some(rows) = rows() else {
        println!(
            "skipped a_recorded_query_sent_as_it_was_saved_is_refused_by_its_first_variable: no file {FILE}"
        );
        return;
    };
    let mut refused = 0;
    for row in rows {
        let names = EXPANSIONS[0].variables.iter().map(|(name, _)| *name);
        let first = names.filter_map(|name| Some((row.text.find(name)?, name))).min();
        let Some((at, name)) = first else { continue };
        let error = check(&row.text).expect_err(&row.id);
        let message = format!("template variable `{name}` is not expanded");
        assert!(error.message().starts_with(&message), "{}: {error}", row.id);
        assert_eq!((error.kind(), error.span().start), (QueryErrorKind::Syntax, at), "{}", row.id);
        refused += 1;
    }
    assert!(refused > 200, "{refused} queries with variables");
}

#[test]
fn recorded_queries_give_what_their_text_and_the_data_imply() {
    let Some(rows) = rows() else {
        println!(
            "skipped recorded_queries_give_what_their_text_and_the_data_imply: no file {FILE}"
        );
        return;
    };
    for row in rows.iter().filter(|row| row.is_query()) {
        for expansion in &EXPANSIONS {
            let text = row.expanded(expansion);
            let statements = statements(&text);
            let data = Data::fitting(&statements, expansion);
            let expected = expected(&statements, &data);
            let found = data.memory().run(&text, Data::range());
            match (expected, found) {
                (Ok(expected), Ok(found)) => {
                    compare(&format!("{}: {text}", row.id), &expected, &found.outputs);
                    let something = expected.iter().all(|(_, _, frame)| !frame.series.is_empty());
                    assert!(something || !expansion.always_something, "{}: {text}", row.id);
                }
                (Err(expected), Err(found)) if !expansion.always_something => {
                    assert_eq!(found.message(), expected, "{}: {text}", row.id);
                }
                (expected, found) => panic!(
                    "{}: {text}\nexpected {expected:?}\nfound {:?}",
                    row.id,
                    found.map_err(|error| error.to_string())
                ),
            }
        }
    }
}

/// Names, tags, aggregated tags and instants are equal, and values lie within their bounds.
fn compare(place: &str, expected: &[Expected], found: &[Output]) {
    let ids: Vec<&str> = expected.iter().map(|(_, id, _)| id.as_str()).collect();
    let found_ids: Vec<&str> = found.iter().map(|output| output.id.as_str()).collect();
    assert_eq!(found_ids, ids, "{place}");
    for ((metric, id, frame), output) in expected.iter().zip(found) {
        let tags: Vec<&Labels> = frame.series.iter().map(|series| &series.tags).collect();
        let of = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let found_tags: Vec<Labels> = output
            .series
            .iter()
            .map(|found| found.series.tags().iter().map(of).collect())
            .collect();
        assert_eq!(found_tags.iter().collect::<Vec<_>>(), tags, "{id} of {place}");
        for (bounds, found) in frame.series.iter().zip(&output.series) {
            let place = format!("{:?} in {id} of {place}", bounds.tags);
            assert_eq!(found.series.metric(), metric, "{place}");
            let aggregated: Vec<&String> = bounds.aggregated.iter().collect();
            assert_eq!(found.aggregated_tags.iter().collect::<Vec<_>>(), aggregated, "{place}");
            let instants: Vec<i64> = found.series.iter().map(|(at, _)| at.as_secs()).collect();
            assert_eq!(instants, frame.grid.instants(), "{place}");
            let slack = 1e-9 * bounds.low.abs().max(bounds.high.abs());
            for (at, value) in found.series.iter() {
                let within = bounds.low - slack <= value && value <= bounds.high + slack;
                assert!(within, "{value} at {at}, not in {}..{}, {place}", bounds.low, bounds.high);
            }
        }
    }
}

const START: i64 = 36_000;
const STEP: i64 = 15;
const POINTS: i64 = 3600 / STEP;

/// An hour of points, and one before it, of every metric that a query fetches.
struct Data {
    series: Vec<(String, Labels, Vec<f64>)>,
}

impl Data {
    /// Series of five hosts. A metric has the tags by which the query filters it, with the values
    /// that are asked for and one that is not; the tags of the dashboard's variables and of groups
    /// are on all metrics.
    fn fitting(statements: &[Statement], expansion: &Expansion) -> Self {
        let chains = || {
            statements.iter().filter_map(|statement| match statement {
                Statement::Assign(_, chain) | Statement::Bare(chain) => Some(chain),
                Statement::Output(_) => None,
            })
        };
        let fetches: Vec<_> = chains().flat_map(|chain| chain.fetches()).collect();
        let mut shared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let groups = chains().flat_map(|chain| chain.methods()).flat_map(|call| {
            let lists = ["by", "without", "on"].into_iter().filter_map(|name| call.keyword(name));
            lists.flat_map(|list| list.split(','))
        });
        for key in groups.filter(|key| *key != "host") {
            shared.entry(key.trim().to_owned()).or_default().extend(["x".into(), "y".into()]);
        }
        let mut own: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        let mut grows: BTreeSet<&str> = BTreeSet::new();
        for (fetch, methods) in &fetches {
            let metric = fetch.text(0);
            let tags = own.entry(metric).or_default();
            if fetch.keyword("rate").is_some() {
                grows.insert(metric);
            }
            for filter in methods.iter().filter(|call| call.name == "tag_filter") {
                let (key, value) = filter.text(0).split_once('=').expect("an operator");
                if of_host(key, 0).is_some() {
                    continue;
                }
                let values: &[&str] = match value.trim_start_matches('=') {
                    "*" => &["x", "y"],
                    value if value.starts_with('~') => &["404", "503", "200"],
                    value => &[value, "other"],
                };
                let shown = values.iter().map(|value| (*value).to_owned());
                tags.entry(key.to_owned()).or_default().extend(shown);
            }
        }
        let mut series = Vec::new();
        for (n, (metric, own)) in own.into_iter().enumerate() {
            let mut tags = shared.clone();
            tags.extend(own);
            for (m, labels) in product(&tags).into_iter().enumerate() {
                // Far enough apart that noise does not change the order of series.
                let level = f64::from(u32::try_from(m + 1).expect("few series")) * 100.0
                    + f64::from(u32::try_from(n).expect("few metrics"));
                let points = points(level, expansion.noise, grows.contains(metric));
                series.push((metric.to_owned(), labels, points));
            }
        }
        Self { series }
    }

    fn range() -> TimeRange {
        let end = START + POINTS * STEP - 1;
        TimeRange::new(Timestamp::from_secs(START), Timestamp::from_secs(end))
    }

    fn memory(&self) -> Memory {
        Memory::of(self.series.iter().map(|(metric, labels, values)| {
            let at = (0..).map(|n| Timestamp::from_secs(START + (n - 1) * STEP));
            let labels: Vec<(&str, &str)> =
                labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let name = TimeSeriesName::new(metric.as_str(), labels.into_iter().collect::<Tags>());
            TimeSeries::from_points(name, at.zip(values.iter().copied()))
        }))
    }
}

/// The value of a dashboard's variable for a host.
fn of_host(key: &str, host: usize) -> Option<String> {
    Some(match key {
        "host" => format!("h{host}"),
        "cluster" => format!("c{}", host % 2),
        "node" => format!("n{host}"),
        "index" => format!("i{}", host % 3),
        "threadpool" => format!("t{}", host % 2),
        _ => return None,
    })
}

/// Five hosts, each with every combination of the tags' values.
fn product(tags: &BTreeMap<String, BTreeSet<String>>) -> Vec<Labels> {
    let keys = ["host", "cluster", "node", "index", "threadpool"];
    let host = |n| keys.iter().filter_map(move |key| Some(((*key).to_owned(), of_host(key, n)?)));
    let mut all: Vec<Labels> = (0..5).map(|n| host(n).collect()).collect();
    for (key, values) in tags {
        let with = |labels: &Labels, value: &String| {
            let mut labels = labels.clone();
            labels.insert(key.clone(), value.clone());
            labels
        };
        all = all.iter().flat_map(|labels| values.iter().map(|v| with(labels, v))).collect();
    }
    all
}

/// A level with noise, or what grows by it every second; the first point lies before the range.
fn points(level: f64, noise: f64, grows: bool) -> Vec<f64> {
    let mut sum = 1000.0;
    let noisy = (0..=POINTS)
        .map(|n| level + 100.0 * noise * f64::from(i32::try_from(n * 7 % 5 - 2).expect("small")));
    let grown = noisy.map(|value| {
        sum += value * STEP as f64;
        if grows { sum } else { value }
    });
    grown.collect()
}

impl World for Data {
    fn raw_grid(&self) -> Grid {
        Grid { first: START, step: STEP, count: POINTS }
    }

    fn bounds(&self, metric: &str, rate: bool) -> Vec<(Labels, f64, f64)> {
        let of_metric = self.series.iter().filter(|(name, _, _)| name == metric);
        let bounds = of_metric.map(|(_, labels, values)| {
            let changes = || values.windows(2).map(|pair| (pair[1] - pair[0]) / STEP as f64);
            let values: Vec<f64> = if rate { changes().collect() } else { values[1..].to_vec() };
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (labels.clone(), low, high)
        });
        bounds.collect()
    }
}
