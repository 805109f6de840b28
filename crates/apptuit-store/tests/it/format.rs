//! The document of the format: what it says is run.

use std::path::{Path, PathBuf};
use std::process::Command;

use apptuit_model::TimeSeries;
use apptuit_store::Store;
use rusqlite::Connection;

use crate::{all, open, point};

const DOCUMENT: &str = include_str!("../../../../docs/reference/storage-format.md");

/// The examples in a language.
fn blocks(language: &str) -> impl Iterator<Item = &str> {
    let begin = format!("```{language}\n");
    DOCUMENT.split("```\n").filter_map(move |part| Some(part.split_once(&begin)?.1))
}

/// A Python that has `pcodec` if possible.
fn python() -> Option<PathBuf> {
    let of_project = std::env::var_os("VIRTUAL_ENV").map(|dir| Path::new(&dir).join("bin/python"));
    let runs = |python: &PathBuf| Command::new(python).arg("--version").output().is_ok();
    [of_project, Some("python3".into())].into_iter().flatten().find(runs)
}

#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
/// Says what is missing, which is a failure where all must be there.
fn skip(what: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{what} is missing");
    eprintln!("skipped: {what} is missing");
}

#[test]
fn the_tables_are_those_of_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "a", 1_709_251_200_000, 1.0)]).unwrap();
    store.flush().unwrap();
    let words = |sql: &str| {
        let sql = sql.replace(['(', ')', ',', ';'], " ");
        sql.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let made = Connection::open(&file).unwrap();
    let mut made = made.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").unwrap();
    let made = made.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut made: Vec<_> = made.map(|sql| words(&sql.unwrap())).collect();
    let documented = blocks("sql").find(|sql| sql.contains("CREATE TABLE")).unwrap();
    let documented: String = documented.lines().filter(|line| !line.starts_with("--")).collect();
    let mut documented: Vec<_> =
        documented.split(';').map(words).filter(|words| !words.is_empty()).collect();
    made.sort();
    documented.sort();
    assert_eq!(made, documented);
}

#[test]
fn a_few_lines_of_python_read_all_points() {
    let Some(python) = python() else { return skip("python3") };
    let has_pco = Command::new(&python).args(["-c", "import pcodec, numpy"]).output();
    let has_pco = has_pco.is_ok_and(|output| output.status.success());
    if !has_pco {
        skip("the Python package pcodec");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    let append = |host: &str, value: &dyn Fn(i64) -> f64, count: i64, step: i64| {
        let points: Vec<_> =
            (0..count).map(|n| point("m", host, 1_709_251_000_000 + n * step, value(n))).collect();
        store.append_points(&points).unwrap();
    };
    let noise = |n: i64| (n.wrapping_mul(6_364_136_223_846_793_005) >> 40) as f64;
    append("constant", &|_| 42.0, 150, 10_000);
    append("steps", &|n| (n / 50) as f64 / 4.0, 150, 1000);
    append("decimals", &|n| noise(n) / 100.0, 150, 1);
    append("bits", &|n| noise(n) / 3.0, 30, 7);
    append("one", &|_| -0.0, 1, 1);
    append("deleted", &|_| 1.0, 20, 1);
    if has_pco {
        append("many", &|n| noise(n) / 100.0, 3000, 10_000);
        append(
            "many bits",
            &|n| noise(n) / 7.0 * f64::from(n % 2 == 0).mul_add(2.0, -1.0),
            900,
            13,
        );
    }
    store.flush().unwrap();
    append("steps", &|_| 0.125, 70, 2000);
    append("new", &|n| n as f64 * 1e-7, 3, 100_000_000);
    append("deleted", &|_| 1.0, 20, 1);
    let deleted = apptuit_model::TagMatcher::new("host", apptuit_model::MatchOp::Equal, "deleted");
    let deleted = apptuit_model::Selector { metric: "m".into(), matchers: vec![deleted.unwrap()] };
    store.delete(&deleted).unwrap();

    let script = folder.path().join("read.py");
    std::fs::write(&script, blocks("python").next().unwrap()).unwrap();
    let output = Command::new(&python).arg(&script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let mut read: Vec<(&str, i64, u64)> = output
        .lines()
        .map(|line| {
            let mut parts = line.rsplitn(3, ' ');
            let value: f64 = parts.next().unwrap().parse().unwrap();
            let time = parts.next().unwrap().parse().unwrap();
            (parts.next().unwrap(), time, value.to_bits())
        })
        .collect();
    read.sort_unstable();
    let kept = all(&store, "m");
    let names: Vec<_> = kept.iter().map(|series| series.name().to_string()).collect();
    let rows = |(series, name): (&TimeSeries, &'static str)| {
        series.iter().map(|(at, value)| (name, at.as_millis(), value.to_bits())).collect::<Vec<_>>()
    };
    let names = names.into_iter().map(|name| &*name.leak());
    let mut expected: Vec<_> = kept.iter().zip(names).flat_map(rows).collect();
    expected.sort_unstable();
    assert_eq!(read, expected);
    assert!(expected.len() > if has_pco { 4000 } else { 400 });
}

#[test]
fn the_questions_of_the_document_have_answers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "a", 1, 1.0), point("m", "b", 1, 1.0)]).unwrap();
    store.flush().unwrap();
    let connection = Connection::open(&file).unwrap();
    let mut answers = blocks("sql").filter(|sql| sql.starts_with("SELECT")).map(|sql| {
        connection.query_row(sql, [], |row| {
            Ok((row.get::<_, rusqlite::types::Value>(0)?, row.get::<_, i64>(1)?))
        })
    });
    let names = answers.next().unwrap().unwrap();
    assert_eq!(names, (rusqlite::types::Value::Text("m".to_owned()), 2));
    let months = answers.next().unwrap().unwrap();
    assert_eq!(months, (rusqlite::types::Value::Integer(197_001), 2));
}
