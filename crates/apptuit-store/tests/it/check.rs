//! A check finds what is wrong, and a backup is a store.

use std::fs;
use std::path::{Path, PathBuf};

use apptuit_store::{EmbeddedStore, Store, StoreError, backup, check};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{all, files, open, point};

/// The first instant of March 2024.
const MARCH: i64 = 1_709_251_200_000;

/// A store with points of two months in chunks, and with some that are in none.
fn store() -> (TempDir, PathBuf, EmbeddedStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    for host in ["a", "b"] {
        let points: Vec<_> =
            (-500..500).map(|n| point("m", host, MARCH + n, n as f64 / 8.0)).collect();
        store.append_points(&points).expect("the disk works");
    }
    store.flush().expect("the disk works");
    store.append_points(&[point("m", "a", MARCH, 0.5)]).expect("the disk works");
    (folder, file, store)
}

fn sql(file: &Path, statements: &str) {
    let connection = Connection::open(file).expect("the file is there");
    connection.execute_batch(statements).expect(statements);
}

fn findings(file: &Path) -> Vec<String> {
    check(file).expect("it is a store").findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_file_is_counted_while_it_is_open_and_after() {
    let (folder, file, store) = store();
    let before = check(&file).unwrap();
    assert!(before.is_sound(), "{:?}", before.findings);
    let counted = (before.series, before.batches, before.chunks, before.points);
    assert_eq!(counted, (2, 1, 4, 2000));
    store.compact().unwrap();
    store.close().unwrap();
    drop(store);
    let bytes = fs::read(&file).unwrap();
    let after = check(&file).unwrap();
    assert!(after.is_sound(), "{:?}", after.findings);
    assert_eq!((after.batches, after.chunks, after.points), (0, 4, 2000));
    assert!(fs::read(&file).unwrap() == bytes, "a check changes nothing");
    assert_eq!(files(folder.path()), ["points.sqlite", "points.sqlite-lock"]);
}

#[test]
fn every_rule_of_the_format_is_checked() {
    let broken = [
        (
            "DELETE FROM series WHERE id = 2",
            "series 2, start 1709251200000 of `chunk_202403`: series `2` is unknown",
        ),
        (
            "UPDATE chunk_202403 SET seq = 99 WHERE series = 1",
            "series 1, start 1709251200000 of `chunk_202403`: seq `99` is after the last batch, `3`",
        ),
        (
            "UPDATE chunk_202403 SET start = start + 1 WHERE series = 1",
            "series 1, start 1709251200001 of `chunk_202403`: its first point is at `1709251200000`",
        ),
        (
            "UPDATE month SET points = 7 WHERE month = 202402",
            "row 202402 of `month`: `7` points, but the chunks have `1000`",
        ),
        (
            "DELETE FROM month WHERE month = 202402",
            "table `chunk_202402`: it has no row in `month`",
        ),
        ("DROP TABLE chunk_202402", "row 202402 of `month`: there is no table `chunk_202402`"),
        (
            "UPDATE month SET month = 202413 WHERE month = 202402",
            "row 202413 of `month`: it is no month",
        ),
        ("UPDATE series SET metric = 'n' WHERE id = 1", "row 1 of `series`: the checksum is"),
        (
            "INSERT INTO series SELECT 9, metric, tags FROM series WHERE id = 1",
            "row 9 of `series`: another row has the same metric and tags",
        ),
        ("UPDATE batch SET points = zeroblob(40)", "row 3 of `batch`: the checksum is"),
        (
            "UPDATE chunk_202403 SET data = zeroblob(length(data)) WHERE series = 1",
            "series 1, start 1709251200000 of `chunk_202403`",
        ),
        (
            "UPDATE chunk_202403 SET data = (SELECT data FROM chunk_202402 WHERE series = 1) WHERE series = 1",
            "its first point is at `1709251199500`",
        ),
        (
            "INSERT INTO chunk_202403 SELECT series, start, seq, data FROM chunk_202402 WHERE series = 1",
            "it has points of another month",
        ),
    ];
    for (statement, expected) in broken {
        let (_folder, file, store) = store();
        drop(store);
        sql(&file, statement);
        let found = findings(&file);
        assert!(found.iter().any(|found| found.contains(expected)), "{statement}: {found:?}");
    }
}

#[test]
fn a_flipped_bit_anywhere_in_a_chunk_is_found() {
    let (_folder, file, store) = store();
    drop(store);
    let connection = Connection::open(&file).unwrap();
    let sql = "SELECT data FROM chunk_202403 WHERE series = 1";
    let data: Vec<u8> = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    for at in 0..data.len() {
        let mut flipped = data.clone();
        flipped[at] ^= 1 << (at % 8);
        let sql = "UPDATE chunk_202403 SET data = ?1 WHERE series = 1";
        connection.execute(sql, [flipped]).unwrap();
        let found = findings(&file);
        assert!(
            found[0].starts_with("series 1, start 1709251200000 of `chunk_202403`"),
            "byte {at}"
        );
    }
}

#[test]
fn a_page_that_is_damaged_is_found() {
    let (_folder, file, store) = store();
    store.close().unwrap();
    drop(store);
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'chunk_202403'";
    let root = Connection::open(&file).unwrap().query_row(root, [], |row| row.get::<_, u32>(0));
    let mut bytes = fs::read(&file).unwrap();
    let page = (root.unwrap() as usize - 1) * 16_384;
    bytes[page..page + 100].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let found = findings(&file);
    assert!(found.iter().any(|found| found.starts_with("the database: ")), "{found:?}");
}

#[test]
fn what_is_no_store_is_not_checked_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let error = check(&file).unwrap_err();
    assert!(matches!(error, StoreError::Io { doing: "open", .. }), "{error:?}");
    assert!(!file.exists());
    fs::write(&file, "bread, milk, eggs\n".repeat(100)).unwrap();
    let error = check(&file).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
}

#[test]
fn a_backup_while_points_come_is_a_store_of_some_moment() {
    let (folder, file, store) = store();
    let copies: Vec<_> = (0..3).map(|n| folder.path().join(format!("copy{n}.sqlite"))).collect();
    std::thread::scope(|scope| {
        let copying = scope.spawn(|| copies.iter().for_each(|copy| backup(&file, copy).unwrap()));
        let mut at = 0;
        while !copying.is_finished() {
            store.append_points(&[point("n", "a", at, 1.0), point("n", "b", at, 2.0)]).unwrap();
            at += 1;
        }
    });
    for copy in copies {
        let checked = check(&copy).unwrap();
        assert!(checked.is_sound(), "{:?}", checked.findings);
        let copied = open(&copy);
        assert_eq!(all(&copied, "m")[0].len(), 1000);
        let lengths: Vec<_> =
            all(&copied, "n").iter().map(apptuit_model::TimeSeries::len).collect();
        assert!(matches!(lengths[..], []) || lengths[0] == lengths[1], "{lengths:?}");
        copied.append_points(&[point("m", "a", 1, 1.0)]).unwrap();
    }
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_half_made() {
    let (folder, file, _store) = store();
    let copy = folder.path().join("copy.sqlite");
    fs::write(&copy, "mine").unwrap();
    let error = backup(&file, &copy).unwrap_err();
    assert!(matches!(error, StoreError::Io { doing: "copy to", .. }), "{error:?}");
    assert_eq!(fs::read(&copy).unwrap(), b"mine");

    let error = backup(&file, &folder.path().join("none/copy.sqlite")).unwrap_err();
    assert!(error.to_string().contains("none/copy.sqlite`: No such file"), "{error}");
    let error = backup(&folder.path().join("none.sqlite"), &folder.path().join("c")).unwrap_err();
    assert!(error.to_string().contains("none.sqlite`: No such file"), "{error}");
    let names = files(folder.path());
    assert!(
        names.iter().all(|name| !name.ends_with("-part") && name != "none.sqlite"),
        "{names:?}"
    );
}
