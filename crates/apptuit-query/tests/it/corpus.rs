//! The recorded queries, where their file is at hand: all that are well-formed are evaluated.

use std::path::Path;

use apptuit_model::{MatchOp, Selector, Tags, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{Engine, QueryErrorKind, SeriesSource, SourceError, check, parse};

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/apptuit-queries.jsonl");

/// What people replace before they send; the first of them brings one of the later ones.
const VARIABLES: [(&str, &str); 8] = [
    ("$global_tag_filter", ".tag_filter('host==$host')"),
    ("[[__interval]]", "1m"),
    ("$__interval", "1m"),
    ("$cluster", "*"),
    ("$node", "*"),
    ("$index", "*"),
    ("$threadpool", "*"),
    ("$host", "*"),
];

/// The recorded rows: an id, the text with its variables replaced, and whether it is a query.
fn rows() -> Option<Vec<(String, String, bool)>> {
    if !Path::new(FILE).exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{FILE} is missing");
        return None;
    }
    let rows = std::fs::read_to_string(FILE).expect("the file is readable");
    let row = |row: &str| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a row is JSON");
        let text = |key: &str| row.get(key).and_then(|value| value.as_str()).expect("a string");
        let replaced = |query: String, (name, value): &(&str, &str)| query.replace(name, value);
        let query = VARIABLES.iter().fold(text("query").to_owned(), replaced);
        // The rows that are no queries are left-overs: empty, or one bare word.
        let well_formed = query.contains("fetch(");
        (text("id").to_owned(), query, well_formed)
    };
    Some(rows.lines().map(row).collect())
}

#[test]
fn recorded_queries_parse_and_plan() {
    let Some(rows) = rows() else {
        println!("skipped recorded_queries_parse_and_plan: no file {FILE}");
        return;
    };
    let (mut good, mut malformed) = (0, 0);
    for (id, query, well_formed) in rows {
        if well_formed {
            good += 1;
            if let Err(error) = check(&query) {
                panic!("{id}: {error}");
            }
        } else {
            malformed += 1;
            let error = check(&query).expect_err(&id);
            let expected = [QueryErrorKind::Syntax, QueryErrorKind::UndefinedVariable];
            assert!(expected.contains(&error.kind()), "{id}: {error}");
        }
    }
    assert!(good > 200 && malformed > 0, "{good} well-formed and {malformed} malformed rows");
}

/// Has a series for every selector, with the tags it asks for: a value that grows by one a second.
struct Obliging;

impl SeriesSource for Obliging {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        let value = |op, value: &str| match (op, value) {
            (MatchOp::Regex, _) => "404".to_owned(),
            (_, "*") => "any".to_owned(),
            _ => value.to_owned(),
        };
        let tags = selector.matchers.iter();
        let tags: Tags = tags.map(|m| (m.key().to_owned(), value(m.op(), m.value()))).collect();
        assert!(selector.matches_tags(&tags), "{selector:?} is obliged by {tags}");
        let (first, last) = (range.start().as_secs(), range.end().as_secs());
        let points = (first..=last).step_by(15).map(|at| (Timestamp::from_secs(at), at as f64));
        Ok(Some(vec![TimeSeries::from_points((selector.metric.clone(), tags), points)]))
    }
}

#[test]
fn recorded_queries_are_evaluated() {
    let Some(rows) = rows() else {
        println!("skipped recorded_queries_are_evaluated: no file {FILE}");
        return;
    };
    let range = TimeRange::new(Timestamp::from_secs(7200), Timestamp::from_secs(10_800));
    let mut evaluated = 0;
    for (id, query, _) in rows.into_iter().filter(|(_, _, well_formed)| *well_formed) {
        let query = parse(&query).unwrap_or_else(|error| panic!("{id}: {error}"));
        match Engine::default().run(&query, range, &Obliging) {
            Err(error) => panic!("{id}: {error}"),
            Ok(answer) => {
                let empty = answer.outputs.iter().find(|output| output.series.is_empty());
                assert_eq!(empty, None, "{id}: {query}");
            }
        }
        evaluated += 1;
    }
    assert!(evaluated > 200, "{evaluated} queries");
}
