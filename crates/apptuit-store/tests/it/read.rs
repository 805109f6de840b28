//! What a reader gets, and what stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apptuit_model::{Selector, TimeRange, TimeSeries, TimeSeriesName, Timestamp};
use apptuit_store::{EmbeddedStore, Points, ReadLimits, Store, StoreError, StoreOptions, Suggest};
use tempfile::TempDir;

use crate::{all, open, point};

/// `cpu` of the hosts a and b and `ram` of a, each with points at 10, 20 and 30 ms.
fn store() -> (TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("points.sqlite"));
    for (metric, host) in [("cpu", "a"), ("cpu", "b"), ("ram", "a")] {
        let points = [10, 20, 30].map(|millis| point(metric, host, millis, millis as f64 / 10.0));
        store.append_points(&points).expect("the disk works");
    }
    (folder, store)
}

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end))
}

#[test]
fn series_without_points_in_the_range_are_left_out() {
    let (_folder, store) = store();
    store.append_points(&[point("cpu", "b", 40, 4.0)]).unwrap();
    let found = |start, end| {
        let found =
            store.select(&Selector::metric("cpu"), range(start, end), &ReadLimits::UNLIMITED);
        let found = found.unwrap().unwrap();
        found.iter().map(|series| series.values().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(found(10, 20), [[1.0, 2.0], [1.0, 2.0]]);
    assert_eq!(found(31, 100), [[4.0]]);
    assert!(found(41, 100).is_empty() && found(11, 19).is_empty() && found(30, 10).is_empty());
}

#[test]
fn a_metric_never_kept_is_none() {
    let (_folder, store) = store();
    for metric in ["cp", ""] {
        let found = store.select(&Selector::metric(metric), TimeRange::ALL, &ReadLimits::UNLIMITED);
        assert_eq!(found.unwrap(), None);
    }
}

#[test]
fn a_limit_is_met_before_it_is_exceeded() {
    let (_folder, store) = store();
    let select = |max_series, max_points| {
        let limits = ReadLimits { max_series, max_points, cancelled: None };
        store
            .select(&Selector::metric("cpu"), range(10, 20), &limits)
            .map(|found| found.unwrap().len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(select(2, 4), Ok(2));
    assert_eq!(select(1, 4), Err("the selection has more than `1` series".to_owned()));
    assert_eq!(select(2, 3), Err("the selection has more than `3` points".to_owned()));
}

#[test]
fn reading_ends_when_the_reader_has_gone() {
    let (_folder, store) = store();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let gone_at_second = move || counter.fetch_add(1, Ordering::Relaxed) == 1;
    let limits = ReadLimits { cancelled: Some(Arc::new(gone_at_second)), ..ReadLimits::UNLIMITED };
    let outcome = store.select(&Selector::metric("cpu"), TimeRange::ALL, &limits);
    assert!(matches!(outcome, Err(StoreError::Cancelled)), "{outcome:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_series_that_is_only_named_is_seen_by_nobody() {
    let (folder, store) = store();
    let name = TimeSeriesName::from(("disk", [("host", "z")]));
    let disk = store.series(&name).unwrap();
    assert_eq!(store.series(&name).unwrap(), disk);
    store.append(&Points::default(), None).unwrap();
    let seen = |store: &EmbeddedStore| {
        let all = store.select(&Selector::metric("disk"), TimeRange::ALL, &ReadLimits::UNLIMITED);
        let any = Suggest::TagValues { metric: None, key: None };
        (all.unwrap().is_some(), store.suggest(any, "z", 9).unwrap().len(), store.stats().series)
    };
    assert_eq!(seen(&store), (false, 0, 3));
    store.close().unwrap();
    drop(store);

    let store = open(&folder.path().join("points.sqlite"));
    assert_eq!(seen(&store), (false, 0, 3));
    let mut points = Points::default();
    points.push(store.series(&name).unwrap(), Timestamp::from_millis(1), 1.0);
    store.append(&points, None).unwrap();
    assert_eq!(seen(&store), (true, 1, 4));
    assert_eq!(all(&store, "disk")[0].name(), &name);
}

#[test]
fn more_series_than_may_be_are_refused_and_those_known_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { max_series: 2, ..StoreOptions::default() };
    let store = EmbeddedStore::open(&folder.path().join("points.sqlite"), options).unwrap();
    store.append_points(&[point("m", "a", 1, 1.0), point("m", "b", 1, 1.0)]).unwrap();
    let refused = store.append_points(&[point("m", "a", 2, 2.0), point("m", "c", 1, 1.0)]);
    assert!(matches!(refused, Err(StoreError::TooManySeries { limit: 2 })), "{refused:?}");
    store.append_points(&[point("m", "a", 2, 2.0)]).unwrap();
    assert_eq!(all(&store, "m").iter().map(TimeSeries::len).collect::<Vec<_>>(), [2, 1]);
}
