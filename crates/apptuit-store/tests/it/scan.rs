//! Series in pieces: whatever became of the points in between, they are those of a map from series
//! and time to value, and a summary stands for what it says.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use apptuit_model::{Selector, Step, TimeRange, Timestamp};
use apptuit_store::{EmbeddedStore, Estimate, Piece, ReadLimits, Store, StoreError, StoreOptions};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

use crate::{open, point};

/// The points of a series by time.
type Series = BTreeMap<i64, f64>;

/// A month begins here.
const APRIL: i64 = 1_711_929_600_000;

#[derive(Clone, Debug)]
enum Action {
    /// To a series, from a time on, so far apart, in tenths.
    Append(usize, i64, i64, Vec<i16>),
    Compact,
    Read {
        start: i64,
        length: i64,
        step: usize,
    },
}

const STEPS: [&str; 4] = ["1ms", "1m", "1h", "1d"];
const HOSTS: [&str; 2] = ["a", "b"];

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let times = || (0..600_i64).prop_map(|minutes| APRIL - 18_000_000 + minutes * 60_000);
    let append = (0..HOSTS.len(), times(), 1..120_i64, vec(-90..90_i16, 1..300));
    let action = prop_oneof![
        5 => append.prop_map(|(host, at, apart, values)| {
            Action::Append(host, at, apart * 1000, values)
        }),
        2 => Just(Action::Compact),
        3 => (times(), 0..30_000_000_i64, 0..STEPS.len())
            .prop_map(|(start, length, step)| Action::Read { start, length, step }),
    ];
    vec(action, 1..30)
}

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end))
}

/// Reads a series in pieces, each of which must be what `expected` has of that time.
fn check(store: &dyn Store, range: TimeRange, step: Option<Step>, expected: &[Series]) {
    let selector = Selector::metric("m");
    let scan = store.scan(&selector, range, &ReadLimits::UNLIMITED).expect("the file is there");
    let Some(scan) = scan else {
        return assert!(expected.iter().all(BTreeMap::is_empty), "a metric is missing");
    };
    let (start, end) = (range.start().as_millis(), range.end().as_millis());
    let mut found = Vec::new();
    for n in 0..scan.series() {
        let host = scan.name(n).tags().get("host").expect("all have a host");
        let host = HOSTS.iter().position(|known| *known == host).expect("a host of ours");
        let mut left: Series = expected[host].range(start..=end).map(|(at, v)| (*at, *v)).collect();
        let mut take = |piece: Piece<'_>| {
            match piece {
                Piece::Points(timestamps, values) => {
                    assert!(!values.is_empty() && timestamps.len() == values.len());
                    for (at, value) in timestamps.iter().zip(values) {
                        let next = left.pop_first().expect("no more points than were kept");
                        assert_eq!((at.as_millis(), value.to_bits()), (next.0, next.1.to_bits()));
                    }
                }
                Piece::Summary(summary) => {
                    let step = step.expect("there are summaries only where a step is given");
                    assert_eq!(step.floor(summary.start), step.floor(summary.end));
                    let part: Vec<(i64, f64)> = (0..summary.count)
                        .map(|_| left.pop_first().expect("no more points than were kept"))
                        .collect();
                    let values: Vec<f64> = part.iter().map(|(_, value)| *value).collect();
                    assert_eq!(summary.start.as_millis(), part[0].0);
                    assert_eq!(summary.end.as_millis(), part[part.len() - 1].0);
                    assert_eq!(summary.first.to_bits(), values[0].to_bits());
                    assert_eq!(summary.last.to_bits(), values[values.len() - 1].to_bits());
                    let least = values.iter().copied().min_by(f64::total_cmp);
                    let greatest = values.iter().copied().max_by(f64::total_cmp);
                    assert_eq!((Some(summary.min), Some(summary.max)), (least, greatest));
                    assert!((summary.sum - values.iter().sum::<f64>()).abs() < 1e-9);
                }
            }
            ControlFlow::Continue(())
        };
        scan.read(n, step, &mut take).expect("nothing is damaged");
        assert!(left.is_empty(), "points are missing: {left:?}");
        found.push(host);
    }
    for (host, series) in expected.iter().enumerate() {
        let there = series.range(start..=end).next().is_some();
        assert!(!there || found.contains(&host), "series {host} is missing");
    }
}

fn behaves(actions: Vec<Action>, file: &Path) {
    // So little is kept in memory that some of it is forgotten.
    let options = StoreOptions { max_cached_bytes: 2000, ..StoreOptions::default() };
    let store = EmbeddedStore::open(file, options).expect("the file can be opened");
    let mut expected = vec![Series::new(); HOSTS.len()];
    for action in actions {
        match action {
            Action::Append(host, from, apart, values) => {
                let points =
                    (0..).zip(&values).map(|(n, v)| (from + n * apart, f64::from(*v) / 10.0));
                let points: Vec<(i64, f64)> = points.collect();
                let named = points.iter().map(|(at, value)| point("m", HOSTS[host], *at, *value));
                store.append_points(&named.collect::<Vec<_>>()).expect("the disk works");
                expected[host].extend(points);
            }
            Action::Compact => store.compact().expect("the disk works"),
            Action::Read { start, length, step } => {
                let (range, step) = (range(start, start + length), STEPS[step].parse().ok());
                check(&store, range, step, &expected);
                check(&store, range, None, &expected);
            }
        }
    }
    check(&store, TimeRange::ALL, STEPS[3].parse().ok(), &expected);
    check(&store, TimeRange::ALL, None, &expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn pieces_are_what_was_kept(actions in actions()) {
        let folder = tempfile::tempdir().expect("a folder");
        behaves(actions, &folder.path().join("points.sqlite"));
    }
}

/// `m` of the hosts a and b: 3 000 points each, ten seconds apart, in chunks.
fn packed(file: &Path) -> EmbeddedStore {
    let store = open(file);
    for host in HOSTS {
        // More than one chunk holds.
        let value = |n: i64| (n * 7919 % 10_007) as f64 / 4.0;
        let points: Vec<_> =
            (0..3000).map(|n| point("m", host, APRIL + n * 10_000, value(n))).collect();
        store.append_points(&points).expect("the disk works");
    }
    store.compact().expect("the disk works");
    store
}

#[test]
fn chunks_in_one_step_are_not_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = packed(&folder.path().join("points.sqlite"));
    let selector = Selector::metric("m");
    let scan = store.scan(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED).unwrap().unwrap();
    let estimate = |points, summed_up| Estimate { series: 2, points, summed_up };
    assert_eq!(scan.estimate(None), estimate(6000, 0));
    assert_eq!(scan.estimate("1d".parse().ok()), estimate(0, 6000));
    let mut counts = Vec::new();
    let mut take = |piece: Piece<'_>| {
        let Piece::Summary(summary) = piece else { panic!("{piece:?}") };
        counts.push(summary.count);
        ControlFlow::Continue(())
    };
    scan.read(0, "1d".parse().ok(), &mut take).unwrap();
    assert_eq!(counts.iter().sum::<usize>(), 3000);
    assert!(counts.len() > 1, "{counts:?}");
}

#[test]
fn reading_ends_where_the_reader_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = packed(&folder.path().join("points.sqlite"));
    let selector = Selector::metric("m");
    let scan = store.scan(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED).unwrap().unwrap();
    let mut pieces = 0;
    let mut take = |_: Piece<'_>| {
        pieces += 1;
        ControlFlow::Break(())
    };
    scan.read(0, None, &mut take).unwrap();
    assert_eq!(pieces, 1);
}

#[test]
fn what_is_known_to_be_too_much_is_not_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = packed(&folder.path().join("points.sqlite"));
    let selector = Selector::metric("m");
    let scan = |max_series, max_points| {
        let limits = ReadLimits { max_series, max_points, cancelled: None };
        let scan = store.scan(&selector, TimeRange::ALL, &limits);
        scan.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(scan(2, 6000), Ok(()));
    assert_eq!(scan(1, 6000), Err("the selection has more than `1` series".to_owned()));
    assert_eq!(scan(2, 5999), Err("the selection has more than `5999` points".to_owned()));
    let cancelled: apptuit_store::Cancelled = std::sync::Arc::new(|| true);
    let gone = ReadLimits { cancelled: Some(cancelled), ..ReadLimits::UNLIMITED };
    drop(store);
    // Nothing is in memory yet, so there is something to be done.
    let store = open(&folder.path().join("points.sqlite"));
    let outcome = store.scan(&selector, TimeRange::ALL, &gone);
    assert!(matches!(outcome, Err(StoreError::Cancelled)), "{outcome:?}");
}

#[test]
fn an_estimate_is_near_what_there_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = packed(&folder.path().join("points.sqlite"));
    store.append_points(&[point("m", "c", APRIL, 0.0), point("n", "a", APRIL, 0.0)]).unwrap();
    let estimate = |start, end| {
        let found = store
            .estimate(&Selector::metric("m"), range(start, end), None, &ReadLimits::UNLIMITED)
            .unwrap()
            .unwrap();
        (found.series, found.points)
    };
    assert_eq!(estimate(APRIL, APRIL + 30_000_000), (3, 6001));
    let (series, points) = estimate(APRIL + 5_000_000, APRIL + 9_999_999);
    assert!(series == 2 && (990..1010).contains(&points), "{series} {points}");
    assert_eq!(estimate(0, APRIL - 1), (0, 0));
    let summed = store
        .estimate(&Selector::metric("m"), TimeRange::ALL, "1d".parse().ok(), &ReadLimits::UNLIMITED)
        .unwrap();
    assert_eq!(summed.map(|found| (found.series, found.points)), Some((3, 1)));
    assert_eq!(
        store
            .estimate(&Selector::metric("o"), TimeRange::ALL, None, &ReadLimits::UNLIMITED)
            .unwrap(),
        None
    );
}

#[test]
fn a_damaged_chunk_is_named_and_other_series_are_readable() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.sqlite");
    drop(packed(&file));
    let damage = |sql: &str| {
        let connection = Connection::open(&file).expect("the store is closed");
        assert_eq!(connection.execute(sql, []).expect("the statement is right"), 1);
    };
    let read = |host: &str| {
        let store = open(&file);
        let matcher = apptuit_model::TagMatcher::new("host", apptuit_model::MatchOp::Equal, host);
        let selector = Selector { metric: "m".to_owned(), matchers: vec![matcher.unwrap()] };
        let found = store.select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED);
        found.map(|found| found.unwrap()[0].len())
    };
    let place = format!("series 1, start {APRIL} of `chunk_202404`");
    let first = format!("WHERE series = 1 AND start = {APRIL}");
    // The last byte of a chunk is one of a checksum, and byte 20 is in the header.
    damage(&format!(
        "UPDATE chunk_202404 SET data = CAST(substr(data, 1, length(data) - 1) || x'00' AS BLOB) {first}"
    ));
    let Err(StoreError::Corrupt { at, what, .. }) = read("a") else {
        panic!("damage is passed on")
    };
    assert!(at.starts_with(&place) && what.contains("checksum"), "{at}: {what}");
    damage(&format!("UPDATE chunk_202404 SET data = CAST(substr(data, 1, 20) AS BLOB) {first}"));
    let Err(StoreError::Corrupt { at, .. }) = read("a") else { panic!("damage is passed on") };
    assert!(at.starts_with(&place), "{at}");
    assert_eq!(read("b").unwrap(), 3000);
}
