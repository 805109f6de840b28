//! Text to checked plan.

use std::hint::black_box;
use std::time::Duration;

use apptuit_query::check;
use harness::{Cost, Pair, Table, timed};
use serde_json::Value;

use crate::promql;

const FILE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/apptuit-queries.jsonl");

/// Variables of dashboards, and what they stand for.
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

pub(crate) fn rows(table: &mut Table) {
    table.row(
        "Q1",
        "parse and check recorded queries, a character / promql-parser",
        1.0,
        |effort| {
            let queries = queries()?;
            let expressions: Vec<String> =
                queries.iter().flat_map(|query| promql::of(query)).collect();
            eprintln!("Q1: {} queries, {} expressions of PromQL", queries.len(), expressions.len());
            for expression in &expressions {
                promql_parser::parser::parse(expression)
                    .map_err(|error| format!("`{expression}` is no PromQL: {error}"))?;
            }
            let pair = effort.turns(
                || over(&queries, |query| check(query).is_ok()),
                || {
                    over(&expressions, |expression| {
                        promql_parser::parser::parse(expression).is_ok()
                    })
                },
            );
            let characters = |texts: &[String]| texts.iter().map(|text| text.chars().count()).sum();
            let each =
                |cost: Cost, characters: usize| Cost::Nanos(cost.number() / characters as f64);
            let (ours, peer) =
                (each(pair.ours, characters(&queries)), each(pair.peer, characters(&expressions)));
            Ok(Pair { ours, peer, remark: pair.remark })
        },
    );
}

fn over(texts: &[String], good: impl Fn(&str) -> bool) -> Duration {
    let (good, took) =
        timed(|| texts.iter().filter(|text| black_box(good(black_box(text)))).count());
    assert_eq!(good, texts.len());
    took
}

/// The recorded queries that are well formed, without variables.
fn queries() -> Result<Vec<String>, String> {
    let rows = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let query = |row: &str| {
        let row: Value = serde_json::from_str(row).map_err(|error| error.to_string())?;
        let text = row["query"].as_str().ok_or("a row has no query")?.to_owned();
        let replaced = |query: String, (name, value): &(&str, &str)| query.replace(name, value);
        Ok(VARIABLES.iter().fold(text, replaced))
    };
    let mut queries = rows.lines().map(query).collect::<Result<Vec<String>, String>>()?;
    queries.retain(|query| check(query).is_ok());
    Ok(queries)
}
