//! Any sequence of appends, reads and reopenings behaves like a map from series and time to value.

use std::collections::BTreeMap;
use std::path::Path;

use apptuit_model::{MatchOp, Selector, TagMatcher, TimeRange, Timestamp};
use apptuit_store::{EmbeddedStore, ReadLimits, Store};
use proptest::prelude::*;

use crate::{open, point};

const METRICS: [&str; 2] = ["cpu", "ram"];
const HOSTS: [&str; 3] = ["a", "b", "c"];

/// Metric, host and time in milliseconds lead to the bits of a value.
type Model = BTreeMap<(&'static str, &'static str, i64), u64>;

#[derive(Clone, Debug)]
enum Action {
    Append(Vec<(usize, usize, i64, u64)>),
    Select(usize, i64, i64),
    Flush,
    Compact,
    Delete(usize, usize),
    Close,
    Drop,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let value = prop_oneof![any::<u64>(), Just(0), Just(f64::to_bits(-0.0)), Just(u64::MAX)];
    // The last instants of 1969 and the first ones of 1970: months are stored apart.
    let time = prop_oneof![9 => -20_i64..20, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
    let point = (0..METRICS.len(), 0..HOSTS.len(), time, value);
    let action = prop_oneof![
        6 => prop::collection::vec(point, 0..12).prop_map(Action::Append),
        4 => (0..METRICS.len(), -25_i64..25, -25_i64..25)
            .prop_map(|(metric, start, end)| Action::Select(metric, start, end)),
        3 => Just(Action::Flush),
        1 => Just(Action::Compact),
        1 => (0..METRICS.len(), 0..HOSTS.len()).prop_map(|(metric, host)| Action::Delete(metric, host)),
        1 => Just(Action::Close),
        1 => Just(Action::Drop),
    ];
    prop::collection::vec(action, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_store_behaves_like_a_map(actions in actions()) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("points.sqlite");
        let (mut store, mut model) = (Some(open(&file)), Model::new());
        for action in actions.into_iter().chain([Action::Close]) {
            apply(action, &file, &mut store, &mut model)?;
        }
    }
}

fn apply(
    action: Action,
    file: &Path,
    slot: &mut Option<EmbeddedStore>,
    model: &mut Model,
) -> Result<(), TestCaseError> {
    let store = slot.take().expect("a store is open between actions");
    match action {
        Action::Append(points) => {
            let points =
                points.into_iter().map(|(m, h, at, bits)| (METRICS[m], HOSTS[h], at, bits));
            let points: Vec<_> = points.collect();
            let sent =
                points.iter().map(|(m, h, at, bits)| point(m, h, *at, f64::from_bits(*bits)));
            store.append_points(&sent.collect::<Vec<_>>()).expect("the disk works");
            model.extend(points.into_iter().map(|(m, h, at, bits)| ((m, h, at), bits)));
            *slot = Some(store);
        }
        Action::Select(metric, start, end) => {
            compare(&store, model, METRICS[metric], (start, end))?;
            *slot = Some(store);
        }
        Action::Flush => {
            store.flush().expect("the disk works");
            *slot = Some(store);
        }
        Action::Compact => {
            store.compact().expect("the disk works");
            prop_assert_eq!(store.stats().points, model.len() as u64);
            *slot = Some(store);
        }
        Action::Delete(metric, host) => {
            let (metric, host) = (METRICS[metric], HOSTS[host]);
            let matcher = TagMatcher::new("host", MatchOp::Equal, host).expect("text");
            let selector = Selector { metric: metric.to_owned(), matchers: vec![matcher] };
            let deleted = store.delete(&selector).expect("the disk works");
            let before = model.len();
            model.retain(|(m, h, _), _| (*m, *h) != (metric, host));
            prop_assert_eq!(deleted, usize::from(model.len() < before));
            *slot = Some(store);
        }
        Action::Close => {
            store.close().expect("the disk works");
            drop(store);
            *slot = Some(reopened(file, model)?);
        }
        Action::Drop => {
            drop(store);
            *slot = Some(reopened(file, model)?);
        }
    }
    Ok(())
}

fn reopened(file: &Path, model: &Model) -> Result<EmbeddedStore, TestCaseError> {
    let store = open(file);
    for metric in METRICS {
        compare(&store, model, metric, (i64::MIN, i64::MAX))?;
    }
    prop_assert!(store.stats().points >= model.len() as u64);
    Ok(store)
}

fn compare(
    store: &EmbeddedStore,
    model: &Model,
    metric: &str,
    (start, end): (i64, i64),
) -> Result<(), TestCaseError> {
    let range = TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end));
    let found = store.select(&Selector::metric(metric), range, &ReadLimits::UNLIMITED);
    let found = found.expect("nothing limits the reader");

    let kept = || model.iter().filter(|((kept, ..), _)| *kept == metric);
    prop_assert_eq!(found.is_some(), kept().next().is_some());
    let mut expected: BTreeMap<&str, Vec<(i64, u64)>> = BTreeMap::new();
    for ((_, host, at), bits) in kept().filter(|((.., at), _)| start <= *at && *at <= end) {
        expected.entry(host).or_default().push((*at, *bits));
    }
    let found = found.unwrap_or_default();
    let found_series = found.len();
    let found: BTreeMap<&str, Vec<(i64, u64)>> = found
        .iter()
        .map(|series| {
            let points = series.iter().map(|(at, value)| (at.as_millis(), value.to_bits()));
            (series.tags().get("host").unwrap_or_default(), points.collect())
        })
        .collect();
    prop_assert_eq!(found_series, found.len(), "a series came twice");
    prop_assert_eq!(found, expected);
    Ok(())
}
