//! Files of every version open for ever.

use std::fs;
use std::path::{Path, PathBuf};

use apptuit_model::{Selector, TimeRange};
use apptuit_store::{ReadLimits, Store, StoreError, check};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{all, open, point, try_open};

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

/// Chunks of two months and of both kinds, batches, a series that was removed, and a key.
#[test]
fn a_file_of_version_2_is_read_and_written() {
    let (_folder, file) = fixture("v2-late-and-twice.sqlite");
    let checked = check(&file).unwrap();
    assert!(checked.is_sound(), "{:?}", checked.findings);
    assert_eq!((checked.series, checked.batches, checked.chunks), (4, 3, 5));
    let store = open(&file);
    for _ in 0..2 {
        assert_late_and_twice(&store);
        let many = &rows(&store, "many")[0].1;
        let expected =
            (0..1500).map(|n: i64| (NEW_YEAR + n * 10_000, (n * n % 1000) as f64 / 100.0));
        assert!(many.iter().copied().eq(expected));
        assert!(rows(&store, "gone").is_empty());
        store.append_points(&[point("new", "a", 1, 1.0)]).unwrap();
        store.compact().unwrap();
    }
    assert_eq!(rows(&store, "new").len(), 1);
}

#[test]
fn a_damaged_chunk_is_named_and_other_series_can_be_read() {
    let (_folder, file) = fixture("v2-damaged-chunk.sqlite");
    let at = format!("series 5, start {NEW_YEAR} of `chunk_202401`");
    let findings = check(&file).unwrap().findings;
    assert!(matches!(&findings[..], [found, ..] if found.at.starts_with(&at)), "{findings:?}");
    let store = open(&file);
    assert_late_and_twice(&store);
    let many = Selector::metric("many");
    let refused = store.select(&many, TimeRange::ALL, &ReadLimits::UNLIMITED).unwrap_err();
    assert!(refused.to_string().contains(&at), "{refused}");
    // To write the file anew does not lose what is left of it, and to delete the series does.
    store.compact().unwrap();
    assert!(!check(&file).unwrap().is_sound());
    assert_eq!(store.delete(&many).unwrap(), 1);
    assert_late_and_twice(&store);
    store.close().unwrap();
    let left = check(&file).unwrap().findings;
    assert!(left.iter().all(|found| found.at == "row 202401 of `month`"), "{left:?}");
}

#[test]
fn a_damaged_batch_is_named_when_the_file_is_opened() {
    let (_folder, file) = fixture("v2-damaged-batch.sqlite");
    let refused = try_open(&file).map(drop).unwrap_err();
    let StoreError::Corrupt { at, what, .. } = &refused else { panic!("{refused:?}") };
    assert!(at.starts_with("row 3 of `batch`") && what.contains("checksum"), "{refused}");
    assert_eq!(check(&file).unwrap().findings[0].at, *at);
}
