use std::path::Path;

use apptuit_metrics::SystemClock;
use apptuit_model::{DataPoint, MatchOp, TagMatcher, TimeSeriesName, Timestamp};
use apptuit_query::{Answer, Engine, MemorySource, QueryError, parse};
use apptuit_store::{EmbeddedStore, StoreOptions};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A month begins here.
const APRIL: i64 = 1_711_929_600;
const HOSTS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Action {
    /// To a host, from a second on, so far apart.
    Append(usize, i64, i64, Vec<f64>),
    Compact,
    Delete(usize),
    Ask {
        query: usize,
        start: i64,
        length: i64,
    },
}

/// Queries, and whether sums in their results may come in parts.
const QUERIES: [(&str, bool); 14] = [
    ("fetch('m')", false),
    ("fetch('m').downsample('1h', 'avg')", true),
    ("fetch('m').downsample('1h', 'sum').avg(by='host')", true),
    ("fetch('m').downsample('1d', 'count')", false),
    ("fetch('m').downsample('1h', 'min')", false),
    ("fetch('m').downsample('1h', 'max')", false),
    ("fetch('m').downsample('1d', 'first')", false),
    ("fetch('m').downsample('1d', 'last')", false),
    ("fetch('m').downsample('1h', 'stddev')", false),
    ("fetch('m').downsample('1h', 'p95')", false),
    ("fetch('m', rate='counter')", false),
    ("fetch('m', rate='true').downsample('1h', 'avg').sum()", false),
    ("fetch('m').downsample('1d', 'max').max()", false),
    ("fetch('m').tag_filter('host==a|b').downsample('1d', 'sum').count()", false),
];

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let time = || (0..600_i64).prop_map(|minutes| APRIL - 18_000 + minutes * 60);
    let tenths = || (-900..900_i16).prop_map(|tenths| f64::from(tenths) / 10.0);
    let values = prop_oneof![
        18 => vec(tenths(), 1..300),
        2 => vec(prop_oneof![9 => tenths(), 1 => Just(-0.0)], 1..300),
        // Also such as are not finite.
        1 => vec(prop_oneof![9 => tenths(), 1 => any::<u64>().prop_map(f64::from_bits)], 1..300),
    ];
    let append = (0..HOSTS.len(), time(), 1..120_i64, values);
    let action = prop_oneof![
        6 => append.prop_map(|(host, at, apart, values)| Action::Append(host, at, apart, values)),
        2 => Just(Action::Compact),
        1 => (0..HOSTS.len()).prop_map(Action::Delete),
        6 => (0..QUERIES.len(), time(), 0..30_000_i64)
            .prop_map(|(query, start, length)| Action::Ask { query, start, length }),
    ];
    vec(action, 1..40)
}

fn name(host: usize) -> TimeSeriesName {
    TimeSeriesName::from(("m", [("host", HOSTS[host])]))
}

/// The answer's values may differ by sums in parts, and in nothing else.
fn assert_same(
    found: &Result<Answer, QueryError>,
    expected: &Result<Answer, QueryError>,
    in_parts: bool,
    scale: f64,
) {
    let (found, expected) = match (found, expected) {
        (Ok(found), Ok(expected)) => (found, expected),
        (Err(found), Err(expected)) => {
            return assert_eq!(found.to_string(), expected.to_string());
        }
        (found, expected) => panic!("{found:?}, expected {expected:?}"),
    };
    assert_eq!(found.outputs.len(), expected.outputs.len());
    for (found, expected) in found.outputs.iter().zip(&expected.outputs) {
        assert_eq!(found.series.len(), expected.series.len(), "series of an output");
        for (found, expected) in found.series.iter().zip(&expected.series) {
            assert_eq!(found.series.name(), expected.series.name());
            assert_eq!(found.aggregated_tags, expected.aggregated_tags);
            assert_eq!(found.series.timestamps(), expected.series.timestamps());
            for (found, expected) in found.series.values().iter().zip(expected.series.values()) {
                let same = found.to_bits() == expected.to_bits()
                    || in_parts && (found - expected).abs() <= 1e-12 * scale;
                assert!(same, "{found}, expected {expected}");
            }
        }
    }
}

fn behaves(actions: Vec<Action>, file: &Path) {
    let options = StoreOptions { max_cached_bytes: 4000, ..StoreOptions::default() };
    let store = EmbeddedStore::open(file, options).expect("the file can be opened");
    let (mut oracle, mut known) = (vec![Vec::new(); HOSTS.len()], false);
    for action in actions {
        match action {
            Action::Append(host, from, apart, values) => {
                let points: Vec<(Timestamp, f64)> = (0..)
                    .zip(values)
                    .map(|(n, value)| (Timestamp::from_secs(from + n * apart), value))
                    .collect();
                let named = points.iter().map(|(at, v)| DataPoint::new(name(host), *at, *v));
                store.append_points(&named.collect::<Vec<_>>()).expect("the disk works");
                oracle[host].extend(points);
                known = true;
            }
            Action::Compact => store.compact().expect("the disk works"),
            Action::Delete(host) => {
                let matcher = TagMatcher::new("host", MatchOp::Equal, HOSTS[host]);
                let matchers = vec![matcher.expect("a matcher without a pattern")];
                let selector = Selector { metric: "m".to_owned(), matchers };
                store.delete(&selector).expect("the disk works");
                oracle[host].clear();
                known = oracle.iter().any(|points| !points.is_empty());
            }
            Action::Ask { query, start, length } => {
                let (text, in_parts) = QUERIES[query];
                let query = parse(text).expect("a query of ours");
                let range = TimeRange::new(
                    Timestamp::from_secs(start),
                    Timestamp::from_secs(start + length),
                );
                let mut memory = MemorySource::default();
                for (host, points) in oracle.iter().enumerate().filter(|(_, of)| !of.is_empty()) {
                    memory.insert(TimeSeries::from_points(name(host), points.iter().copied()));
                }
                let source = StoreSource::new(&store, ReadLimits::UNLIMITED, &SystemClock);
                let engine = Engine::default();
                let found = engine.run(&query, range, &source);
                let expected = engine.run(&query, range, &memory);
                assert_eq!(known, expected.is_ok(), "{expected:?}");
                let values = oracle.iter().flatten().map(|(_, value)| value.abs());
                let scale = values.filter(|value| value.is_finite()).sum::<f64>();
                assert_same(&found, &expected, in_parts, scale);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_over_points_in_memory(actions in actions()) {
        let folder = tempfile::tempdir().expect("a folder");
        behaves(actions, &folder.path().join("points.sqlite"));
    }
}
