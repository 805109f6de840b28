//! Damage, other programs' files and newer versions are named, and the file stays as it was.

use std::fs;
use std::path::{Path, PathBuf};

use apptuit_store::{Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{all, open, point, try_open};

/// A value, a host and a metric whose bytes are found nowhere else in the file.
const VALUE: f64 = 12_345.678_901_234;

/// A closed store of three batches.
fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    for (at, value) in (1..).zip([1.0, VALUE, 3.0]) {
        store.append_points(&[point("metric-m", "host-a", at, value)]).expect("the disk works");
    }
    store.close().expect("the disk works");
    (folder, file)
}

/// Flips one bit of the only place where `bytes` stand.
fn flip(file: &Path, bytes: &[u8]) {
    let mut content = fs::read(file).expect("the store is closed");
    let places: Vec<_> =
        content.windows(bytes.len()).enumerate().filter(|(_, at)| *at == bytes).collect();
    let [(place, _)] = places[..] else { panic!("{bytes:?} is there {} times", places.len()) };
    content[place] ^= 4;
    fs::write(file, content).expect("the store is closed");
}

/// The error of opening, after which the file has the bytes it had before.
fn refusal(file: &Path) -> StoreError {
    let before = fs::read(file).expect("the file is there");
    let error = try_open(file).map(drop).expect_err("the file must be refused");
    assert!(fs::read(file).expect("the file is there") == before, "the file was changed");
    assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
    error
}

fn sql(file: &Path, statements: &str) {
    let connection = Connection::open(file).expect("the store is closed");
    connection.execute_batch(statements).expect("the statements are right");
}

#[track_caller]
fn assert_corrupt(error: &StoreError, place: &str, reason: &str) {
    let StoreError::Corrupt { at, what, .. } = error else { panic!("{error:?}") };
    assert_eq!(at, place);
    assert!(what.contains(reason), "{what}");
}

#[test]
fn a_flipped_bit_in_a_value_is_found() {
    let (_folder, file) = store();
    flip(&file, &VALUE.to_le_bytes());
    assert_corrupt(&refusal(&file), "row 2 of `batch`", "the checksum is");
}

#[test]
fn a_flipped_bit_in_a_metric_or_a_tag_is_found() {
    for text in ["metric-m", "host-a"] {
        let (_folder, file) = store();
        flip(&file, text.as_bytes());
        assert_corrupt(&refusal(&file), "row 1 of `series`", "the checksum is");
    }
}

#[test]
fn a_missing_series_is_found() {
    let (_folder, file) = store();
    sql(&file, "DELETE FROM series");
    assert_corrupt(&refusal(&file), "row 1 of `batch`", "series `1` is unknown");
}

#[test]
fn a_series_that_is_there_twice_is_found() {
    let (_folder, file) = store();
    sql(&file, "INSERT INTO series (metric, tags) SELECT metric, tags FROM series");
    assert_corrupt(&refusal(&file), "row 2 of `series`", "the same metric and tags");
}

#[test]
fn a_file_cut_short_is_found() {
    let (_folder, file) = store();
    let length = fs::metadata(&file).unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(length - 16_384).unwrap();
    let error = refusal(&file);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_newer_schema_version_is_refused_by_number() {
    let (_folder, file) = store();
    sql(&file, "UPDATE meta SET value = '3' WHERE key = 'schema_version'");
    let error = refusal(&file);
    let StoreError::VersionTooNew { found: 3, known: 2, .. } = error else { panic!("{error:?}") };

    sql(&file, "UPDATE meta SET value = '2' WHERE key = 'schema_version'");
    assert_eq!(all(&open(&file), "metric-m")[0].len(), 3);
}

#[test]
fn a_version_that_never_was_is_damage() {
    for version in ["0", "", "one"] {
        let (_folder, file) = store();
        sql(&file, &format!("UPDATE meta SET value = '{version}' WHERE key = 'schema_version'"));
        assert_corrupt(&refusal(&file), "table `meta`", &format!("`{version}`"));
    }
    let (_folder, file) = store();
    sql(&file, "DROP TABLE meta");
    assert_corrupt(&refusal(&file), "table `meta`", "no such table");
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    for statements in [
        "CREATE TABLE other (x); INSERT INTO other VALUES (1)",
        "PRAGMA journal_mode = WAL; CREATE TABLE batch (x)",
        "PRAGMA application_id = 7",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.sqlite");
        sql(&file, statements);
        let error = refusal(&file);
        assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        assert!(error.to_string().contains("a database of another program"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    fs::write(&file, "bread, milk, eggs\n".repeat(100)).unwrap();
    let error = refusal(&file);
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert!(error.to_string().ends_with("it is not an SQLite database"), "{error}");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    fs::write(&file, "").unwrap();
    open(&file).append_points(&[point("m", "a", 1, 1.0)]).unwrap();
    assert_eq!(all(&open(&file), "m")[0].values(), [1.0]);
}

/// The pragmas that the promises rest on, as another reader of the file sees them.
#[test]
fn the_file_is_as_documented() {
    let (_folder, file) = store();
    let connection = Connection::open(&file).unwrap();
    let text = |sql: &str| {
        let row = connection.query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0));
        format!("{:?}", row.unwrap())
    };
    assert_eq!(text("PRAGMA journal_mode"), r#"Text("wal")"#);
    assert_eq!(text("PRAGMA page_size"), "Integer(16384)");
    assert_eq!(text("PRAGMA application_id"), "Integer(1097888885)");
    assert_eq!(text("SELECT value FROM meta WHERE key = 'schema_version'"), r#"Text("2")"#);
    assert_eq!(text("PRAGMA auto_vacuum"), "Integer(2)");
    assert_eq!(text("SELECT count(*) FROM batch"), "Integer(3)");
    assert_eq!(text("SELECT length(points) FROM batch"), "Integer(34)");
}
