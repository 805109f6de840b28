//! Files of every version open for ever.

use std::fs;
use std::path::{Path, PathBuf};

use apptuit_store::Store;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{all, open, point};

/// A copy of a file in `fixtures/store`, since to open one is to change it.
fn fixture(name: &str) -> (TempDir, PathBuf) {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/store"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    fs::copy(fixtures.join(name), &file).expect("the fixture is there");
    (folder, file)
}

/// Milliseconds and values of the points of each series of a metric, by name.
fn rows(store: &dyn Store, metric: &str) -> Vec<(String, Vec<(i64, f64)>)> {
    let points = |series: &apptuit_model::TimeSeries| {
        series.iter().map(|(at, value)| (at.as_millis(), value)).collect()
    };
    all(store, metric).iter().map(|series| (series.name().to_string(), points(series))).collect()
}

/// The first instant of 2024.
const NEW_YEAR: i64 = 1_704_067_200_000;

/// What `v1-late-and-twice.sqlite` and `v2-late-and-twice.sqlite` hold.
#[track_caller]
fn assert_late_and_twice(store: &dyn Store) {
    let a = [(NEW_YEAR - 10_000, 0.5), (NEW_YEAR, 1.75), (NEW_YEAR + 60_000, 1.0 / 3.0)];
    let b = [(-1, f64::from_bits(1)), (NEW_YEAR - 1, f64::INFINITY), (NEW_YEAR, -0.0)];
    let cpu = [
        ("node.cpu{dc:köln, host:a}".to_owned(), a.to_vec()),
        ("node.cpu{host:b}".into(), b.to_vec()),
    ];
    let mut found = rows(store, "node.cpu");
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, cpu);
    assert!(found[1].1[2].1.is_sign_negative(), "a zero lost its sign");
    assert_eq!(rows(store, "up"), [("up{}".to_owned(), vec![(NEW_YEAR + 500, 0.0)])]);
}

#[test]
fn a_file_of_version_1_is_read_and_written_and_becomes_one_of_version_2() {
    let (_folder, file) = fixture("v1-late-and-twice.sqlite");
    let store = open(&file);
    assert_late_and_twice(&store);
    store.append_points(&[point("new", "a", 1, 1.0)]).unwrap();
    store.close().unwrap();
    drop(store);

    let version = |file: &Path| {
        let sql = "SELECT value FROM meta WHERE key = 'schema_version'";
        let connection = Connection::open(file).unwrap();
        connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert_eq!(version(&file), "2");
    let store = open(&file);
    assert_late_and_twice(&store);
    store.compact().unwrap();
    assert_late_and_twice(&store);
    drop(store);
    let store = open(&file);
    assert_late_and_twice(&store);
    assert_eq!(all(&store, "new")[0].values(), [1.0]);
}
