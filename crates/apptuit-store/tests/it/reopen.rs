//! What was acknowledged is there after the store is opened again.

use std::path::Path;

use apptuit_model::{DataPoint, TimeSeriesName, Timestamp};
use apptuit_store::{Store, StoreError, Suggest};

use crate::{all, files, open, point, try_open};

#[test]
fn points_come_back_bit_by_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let values =
        [0.1, -0.0, f64::MIN_POSITIVE / 8.0, f64::INFINITY, f64::from_bits(0x7ff8_dead_beef_0001)];
    let points: Vec<_> = (0..).zip(values).map(|(at, value)| point("m", "a", at, value)).collect();
    open(&file).append_points(&points).unwrap();

    let bits: Vec<_> = all(&open(&file), "m")[0].values().iter().map(|v| v.to_bits()).collect();
    assert_eq!(bits, values.map(f64::to_bits));
}

#[test]
fn names_and_extreme_times_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let names = [
        TimeSeriesName::from("plain"),
        TimeSeriesName::from(("", [("", "")])),
        TimeSeriesName::from(("m\0ß{a=\"b\"}", [("k\n", "\0"), ("ключ", "значение")])),
    ];
    let store = open(&file);
    for name in &names {
        let times = [Timestamp::MIN, Timestamp::from_millis(-1), Timestamp::MAX];
        store.append_points(&times.map(|time| DataPoint::new(name, time, 1.0))).unwrap();
    }
    let before: Vec<_> = names.iter().map(|name| all(&store, name.metric())).collect();
    let suggested = store.suggest(Suggest::TagValues { metric: None, key: None }, "", 9).unwrap();
    store.close().unwrap();

    let store = open(&file);
    let after: Vec<_> = names.iter().map(|name| all(&store, name.metric())).collect();
    assert_eq!(after, before);
    assert_eq!(after.iter().map(|found| found[0].len()).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!(
        store.suggest(Suggest::TagValues { metric: None, key: None }, "", 9).unwrap(),
        suggested
    );
    assert_eq!((store.stats().series, store.stats().points, store.stats().appends), (3, 9, 0));
}

#[test]
fn the_last_write_wins_live_and_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "a", 2, 1.0), point("m", "a", 1, 2.0)]).unwrap();
    store.append_points(&[point("m", "a", 1, 3.0), point("m", "a", 1, 4.0)]).unwrap();
    store.append_points(&[point("m", "a", 2, 5.0), point("m", "a", 3, 6.0)]).unwrap();
    assert_eq!(all(&store, "m")[0].values(), [4.0, 5.0, 6.0]);
    drop(store);

    let store = open(&file);
    assert_eq!(all(&store, "m")[0].values(), [4.0, 5.0, 6.0]);
    store.append_points(&[point("m", "a", 2, 7.0)]).unwrap();
    assert_eq!(all(&store, "m")[0].values(), [4.0, 7.0, 6.0]);
}

#[test]
fn an_append_larger_than_one_batch_is_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let name = TimeSeriesName::from("m");
    let count = (1_i64 << 20) + 3;
    let points: Vec<_> =
        (0..count).map(|at| DataPoint::new(&name, Timestamp::from_millis(at), at as f64)).collect();
    let store = open(&file);
    store.append_points(&points).unwrap();
    assert_eq!(store.stats().commits, 1);
    store.close().unwrap();

    let found = all(&open(&file), "m");
    assert!(found[0].points().eq(points), "{} points", found[0].len());
}

#[test]
fn a_closed_store_is_one_file_that_refuses_writes_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "a", 1, 1.0)]).unwrap();
    store.close().unwrap();
    store.close().unwrap();

    let refused = store.append_points(&[point("m", "a", 2, 2.0)]);
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    assert_eq!(all(&store, "m")[0].values(), [1.0]);
    drop(store);
    assert_eq!(files(folder.path()), ["points.sqlite", "points.sqlite-lock"]);
}

#[test]
fn a_second_store_on_the_same_file_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let first = open(&file);
    let refused = |file: &Path| try_open(file).map(drop).unwrap_err();
    assert!(matches!(refused(&file), StoreError::InUse { .. }), "{:?}", refused(&file));
    assert!(refused(&file).to_string().contains("points.sqlite` is in use"), "{}", refused(&file));

    first.append_points(&[point("m", "a", 1, 1.0)]).unwrap();
    first.close().unwrap();
    assert_eq!(all(&open(&file), "m").len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = try_open(&folder.path().join("none/points.sqlite")).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Io { doing: "open", .. }), "{error:?}");
    let told = error.to_string();
    assert_eq!(told.matches("none/points.sqlite").count(), 1, "{told}");
    assert!(told.contains("No such file or directory"), "{told}");
}

#[test]
fn an_open_store_has_the_files_of_sqlite_and_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    for at in 0..2 {
        let store = open(&file);
        store.append_points(&[point("m", "a", at, 1.0)]).unwrap();
        assert_eq!(
            files(folder.path()),
            ["points.sqlite", "points.sqlite-lock", "points.sqlite-shm", "points.sqlite-wal"]
        );
    }
}
