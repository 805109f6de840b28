//! What is done to the file while points come: chunks are made and merged, old points go.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use apptuit_model::{MatchOp, Selector, TagMatcher, TimeRange, Timestamp};
use apptuit_store::{EmbeddedStore, Points, ReadLimits, Store, StoreOptions, Suggest, WallClock};
use rusqlite::Connection;
use rusqlite::types::FromSql;

use crate::{all, open, point};

const DAY: i64 = 86_400_000;
/// The first instant of March 2024.
const MARCH: i64 = 1_709_251_200_000;

/// One number from the file, as another reader sees it.
fn number<T: FromSql>(file: &Path, sql: &str) -> T {
    let connection = Connection::open(file).expect("the file is there");
    connection.query_row(sql, [], |row| row.get(0)).expect(sql)
}

fn values(store: &dyn Store, metric: &str) -> Vec<Vec<f64>> {
    all(store, metric).iter().map(|series| series.values().to_vec()).collect()
}

fn host(metric: &str, host: &str) -> Selector {
    let matcher = TagMatcher::new("host", MatchOp::Equal, host).expect("text");
    Selector { metric: metric.to_owned(), matchers: vec![matcher] }
}

/// Waits until the background has done something: what is asked of the file is true.
fn wait_for(file: &Path, question: &str) {
    for _ in 0..600 {
        if number::<bool>(file, question) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("not within 30 s: {question}");
}

#[test]
fn chunks_do_not_cross_months_and_batches_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    for at in -3..3 {
        store.append_points(&[point("m", "a", MARCH + at, at as f64)]).unwrap();
    }
    store.flush().unwrap();
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM batch"), 0);
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202402"), 1);
    assert_eq!(number::<i64>(&file, "SELECT start FROM chunk_202403"), MARCH);
    let expected = vec![-3.0, -2.0, -1.0, 0.0, 1.0, 2.0];
    assert_eq!(values(&store, "m"), std::slice::from_ref(&expected));
    drop(store);
    let store = open(&file);
    assert_eq!((values(&store, "m"), store.stats().points), (vec![expected], 6));
}

#[test]
fn a_busy_series_is_moved_by_itself_and_the_batches_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "idle", MARCH, 0.5)]).unwrap();
    for part in 0..11 {
        let points: Vec<_> =
            (0..100).map(|n| point("m", "busy", MARCH + part * 100 + n, 1.0)).collect();
        store.append_points(&points).unwrap();
    }
    wait_for(&file, "SELECT count(*) = 1 FROM month WHERE points > 0");
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM batch"), 12);
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202403"), 1);
    drop(store);

    // What is in a chunk is not read again from the batches.
    let store = open(&file);
    assert_eq!(store.stats().points, 1101);
    assert_eq!(values(&store, "m").iter().map(Vec::len).collect::<Vec<_>>(), [1100, 1]);
    store.flush().unwrap();
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM batch"), 0);
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM covered"), 0);
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202403"), 2);
    store.append_points(&[point("m", "idle", MARCH, 1.5)]).unwrap();
    drop(store);
    assert_eq!(number::<i64>(&file, "SELECT id FROM batch"), 13);
    assert_eq!(values(&open(&file), "m")[1], [1.5]);
}

#[test]
fn small_and_overlapping_chunks_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    for part in 0..20 {
        let points: Vec<_> =
            (0..30).map(|n| point("m", "a", MARCH + part * 20 + n, part as f64)).collect();
        store.append_points(&points).unwrap();
        store.flush().unwrap();
    }
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202403"), 20);
    assert_eq!(store.stats().points, 600);
    let expected: Vec<f64> = (0..410).map(|n| f64::from(n / 20).min(19.0)).collect();
    assert_eq!(values(&store, "m"), std::slice::from_ref(&expected));
    store.compact().unwrap();
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202403"), 1);
    assert_eq!((values(&store, "m"), store.stats().points), (vec![expected], 410));
}

/// Values without a pattern take 8 bytes each, and still no row takes pages of its own.
#[test]
fn rows_have_a_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    let series = store.series(&"m".into()).unwrap();
    let mut points = Points::default();
    let bits: Vec<f64> = (0..20_000).map(|_| fastrand::f64()).collect();
    for (n, value) in (0..).zip(&bits) {
        points.push(series, Timestamp::from_millis(MARCH + 10_000 * n), *value);
    }
    store.append(&points, None).unwrap();
    store.compact().unwrap();
    assert!(number::<i64>(&file, "SELECT max(length(data)) FROM chunk_202403") <= 4040);
    assert!(number::<i64>(&file, "SELECT min(length(data)) FROM chunk_202403") > 2000);
    assert_eq!(values(&store, "m"), [bits]);
}

/// A store whose clock stands where it is put.
fn at_time(file: &Path, options: &StoreOptions) -> (EmbeddedStore, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(MARCH));
    let read = Arc::clone(&now);
    let clock = WallClock::new(move || Timestamp::from_millis(read.load(Ordering::SeqCst)));
    (EmbeddedStore::open(file, StoreOptions { clock, ..options.clone() }).expect("a file"), now)
}

#[test]
fn points_past_the_retention_go_and_so_do_series_without_points() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let retention = Some(Duration::from_hours(24 * 40));
    let options = StoreOptions { retention, ..StoreOptions::default() };
    let (store, now) = at_time(&file, &options);
    for (name, day) in [("a", -29), ("a", 0), ("a", 5), ("b", -29), ("c", -29), ("c", 2)] {
        store.append_points(&[point("m", name, MARCH + day * DAY, day as f64)]).unwrap();
        store.flush().unwrap();
    }
    store.compact().unwrap();
    assert_eq!(values(&store, "m"), [vec![-29.0, 0.0, 5.0], vec![-29.0], vec![-29.0, 2.0]]);

    // All of February, and the first day of March.
    now.store(MARCH + 41 * DAY, Ordering::SeqCst);
    store.compact().unwrap();
    let hosts = Suggest::TagValues { metric: Some("m"), key: Some("host") };
    assert_eq!(values(&store, "m"), [vec![0.0, 5.0], vec![2.0]]);
    assert_eq!(store.suggest(hosts, "", 9).unwrap(), ["a", "c"]);
    assert_eq!((store.stats().series, store.stats().points), (2, 3));
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM month"), 1);
    store.append_points(&[point("m", "b", MARCH + 41 * DAY, 41.0)]).unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(values(&open(&file), "m"), [vec![0.0, 5.0], vec![41.0], vec![2.0]]);
}

#[test]
fn the_oldest_points_go_where_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let limit = 60 * 16_384;
    let options = StoreOptions { retention_bytes: Some(limit), ..StoreOptions::default() };
    let store = EmbeddedStore::open(&file, options).unwrap();
    let series = store.series(&"m".into()).unwrap();
    let mut last = 0;
    for part in 0..12 {
        let mut points = Points::default();
        for n in 0..20_000 {
            last = MARCH + (part * 20_000 + n) * 10_000;
            points.push(series, Timestamp::from_millis(last), fastrand::f64());
        }
        store.append(&points, None).unwrap();
    }
    store.compact().unwrap();
    let pages = number::<i64>(&file, "PRAGMA page_count");
    assert!(pages <= 60, "{pages} pages");
    let found = all(&store, "m");
    assert!(found[0].len() > 50_000, "{} points are left", found[0].len());
    assert_eq!(found[0].timestamps().last(), Some(&Timestamp::from_millis(last)));
    let times = found[0].timestamps();
    let steps = times.windows(2).all(|two| two[1].as_millis() - two[0].as_millis() == 10_000);
    assert!(steps, "a gap");
}

#[test]
fn the_last_points_stay_however_little_room_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let options = StoreOptions { retention_bytes: Some(1), ..StoreOptions::default() };
    let store = EmbeddedStore::open(&file, options).unwrap();
    for day in [-40, 0, 1, 40] {
        // A chunk of a constant is a few bytes, and as long as the points are.
        let points: Vec<_> =
            (0..500).map(|n| point("m", "a", MARCH + day * DAY + n * 100_000, 1.0)).collect();
        store.append_points(&points).unwrap();
        store.flush().unwrap();
    }
    store.append_points(&[point("m", "b", MARCH + 40 * DAY, 2.0)]).unwrap();
    store.compact().unwrap();
    let found = all(&store, "m");
    let first = |series: &apptuit_model::TimeSeries| series.timestamps()[0].as_millis();
    assert_eq!(found.iter().map(first).collect::<Vec<_>>(), [MARCH + 40 * DAY; 2]);
    assert_eq!(found[0].len(), 500);
}

#[test]
fn a_deleted_series_is_gone_for_good_and_its_name_can_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store
        .append_points(&[point("m", "a", 1, 1.0), point("m", "b", 1, 2.0), point("n", "a", 1, 3.0)])
        .unwrap();
    store.flush().unwrap();
    store.append_points(&[point("m", "a", 2, 4.0), point("m", "b", 2, 5.0)]).unwrap();
    assert_eq!(store.delete(&host("m", "a")).unwrap(), 1);
    assert_eq!(store.delete(&host("m", "a")).unwrap(), 0);
    assert_eq!((values(&store, "m"), store.stats().points), (vec![vec![2.0, 5.0]], 3));

    drop(store);
    let store = open(&file);
    assert_eq!((values(&store, "m"), store.stats().points), (vec![vec![2.0, 5.0]], 3));
    store.append_points(&[point("m", "a", 2, 6.0)]).unwrap();
    assert_eq!(values(&store, "m"), [vec![6.0], vec![2.0, 5.0]]);
    assert_eq!(store.delete(&Selector::metric("m")).unwrap(), 2);
    let gone = store.select(&Selector::metric("m"), TimeRange::ALL, &ReadLimits::UNLIMITED);
    assert_eq!(gone.unwrap(), None);
    assert_eq!(store.suggest(Suggest::Metrics, "", 9).unwrap(), ["n"]);
    store.append_points(&[point("m", "a", 3, 7.0)]).unwrap();
    drop(store);
    assert_eq!(values(&open(&file), "m"), [vec![7.0]]);
}

#[test]
fn a_series_that_is_deleted_between_numbering_and_appending_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    store.append_points(&[point("m", "a", 1, 1.0)]).unwrap();
    let mut points = Points::default();
    points.push(
        store.series(point("m", "a", 1, 1.0).name()).unwrap(),
        Timestamp::from_millis(2),
        2.0,
    );
    store.delete(&Selector::metric("m")).unwrap();
    store.append(&points, None).unwrap();
    assert_eq!(values(&store, "m"), [vec![2.0]]);
    drop(store);
    assert_eq!(values(&open(&file), "m"), [vec![2.0]]);
}

#[test]
fn a_file_shrinks_when_its_points_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let store = open(&file);
    let series = store.series(&"m".into()).unwrap();
    let mut points = Points::default();
    for n in 0..100_000 {
        points.push(series, Timestamp::from_millis(MARCH + n), fastrand::f64());
    }
    store.append(&points, None).unwrap();
    store.compact().unwrap();
    let large = std::fs::metadata(&file).unwrap().len();
    store.delete(&Selector::metric("m")).unwrap();
    store.compact().unwrap();
    let small = std::fs::metadata(&file).unwrap().len();
    assert!(small < large / 2, "{small} of {large} bytes");
    assert_eq!(number::<i64>(&file, "PRAGMA freelist_count"), 0);
    assert_eq!(number::<String>(&file, "PRAGMA integrity_check"), "ok");
}

#[test]
fn a_key_is_recognised_for_a_day_and_after_a_restart() {
    use apptuit_store::{IdempotencyKey, Kept};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let key = IdempotencyKey::new("k").unwrap();
    let append = |store: &EmbeddedStore| {
        let mut points = Points::default();
        points.push(store.series(&"m".into()).unwrap(), Timestamp::from_millis(1), 1.0);
        store.append(&points, Some(&key)).unwrap()
    };
    assert_eq!(append(&at_time(&file, &StoreOptions::default()).0), Kept::Now);
    let (store, now) = at_time(&file, &StoreOptions::default());
    now.store(MARCH + DAY - 1, Ordering::SeqCst);
    assert_eq!(append(&store), Kept::Before);
    now.store(MARCH + DAY, Ordering::SeqCst);
    assert_eq!(append(&store), Kept::Now);
    assert_eq!(append(&store), Kept::Before);
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM key"), 1);
}

#[test]
fn batches_go_by_age_and_small_chunks_are_merged_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let (store, now) = at_time(&file, &StoreOptions::default());
    for minutes in [0, 40, 80] {
        now.store(MARCH + minutes * 60_000, Ordering::SeqCst);
        store.append_points(&[point("m", "a", MARCH + minutes * 60_000, 1.0)]).unwrap();
        now.store(MARCH + (minutes + 29) * 60_000, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1500));
        assert_eq!(number::<i64>(&file, "SELECT count(*) FROM batch"), 1, "29 minutes later");
        now.store(MARCH + (minutes + 31) * 60_000, Ordering::SeqCst);
        wait_for(&file, "SELECT count(*) = 0 FROM batch");
    }
    assert_eq!(number::<i64>(&file, "SELECT count(*) FROM chunk_202403"), 3);
    now.store(MARCH + 30 * 60 * 60_000, Ordering::SeqCst);
    wait_for(&file, "SELECT count(*) = 1 FROM chunk_202403");
    assert_eq!(values(&store, "m"), [[1.0; 3]]);
}

#[test]
fn batches_go_where_they_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let options = StoreOptions { max_ahead_bytes: 10_000, ..StoreOptions::default() };
    let store = EmbeddedStore::open(&file, options).unwrap();
    for at in 0..300 {
        let host = (at % 7).to_string();
        store.append_points(&[point("m", &host, MARCH + at, at as f64)]).unwrap();
    }
    wait_for(&file, "SELECT count(*) < 300 FROM batch");
    assert!(store.stats().ahead_bytes <= 10_000, "{:?}", store.stats());
    drop(store);
    let store = open(&file);
    assert_eq!((store.stats().points, values(&store, "m").concat().len()), (300, 300));
}
