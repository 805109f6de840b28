//! A registry as points.

use std::time::Duration;

use apptuit_metrics::Registry;
use apptuit_metrics::collect::{Skipped, collect, collect_each};
use apptuit_model::{DataPoint, Tags, Timestamp, encode_metric};

use crate::registry;

const NOON: Timestamp = Timestamp::from_secs(43_200);

/// Metrics and values of what is collected.
fn collected(registry: &Registry) -> Vec<(String, f64)> {
    let points = collect(registry, "", NOON).points;
    points.iter().map(|point| (point.metric().to_owned(), point.value())).collect()
}

#[test]
fn points_are_named_prefix_name_and_field() {
    let registry = Registry::new();
    registry.counter(("orders", [("city", "blr")])).inc_by(3);
    registry.gauge("my depth").set(0.5);
    let collected = collect(&registry, "my app.", NOON);
    assert_eq!(
        collected.points,
        [
            DataPoint::new(("my app.orders.count", [("city", "blr")]), NOON, 3.0),
            DataPoint::new("my app.my depth.value", NOON, 0.5),
        ]
    );
    assert_eq!((collected.skipped, collected.non_finite), (vec![], 0));
}

#[test]
fn encoded_names_become_tags() {
    let registry = Registry::new();
    let tags = Tags::from([("city", "blr"), ("kind", "new")]);
    registry.counter(encode_metric("orders", &tags)).inc();
    assert_eq!(
        collect(&registry, "p.", NOON).points,
        [DataPoint::new(("p.orders.count", tags), NOON, 1.0)]
    );
}

#[test]
fn blanks_around_a_name_are_no_part_of_it() {
    let registry = Registry::new();
    registry.counter("  padded  ").inc();
    assert_eq!(collected(&registry), [("padded.count".to_owned(), 1.0)]);
}

#[test]
fn a_name_with_tags_of_its_own_is_not_decoded() {
    let registry = Registry::new();
    registry.counter(("odd{", [("k", "v")])).inc();
    let collected = collect(&registry, "", NOON);
    assert_eq!(collected.points, [DataPoint::new(("odd{.count", [("k", "v")]), NOON, 1.0)]);
}

#[test]
fn a_bad_name_is_skipped_and_the_rest_goes_out() {
    let registry = Registry::new();
    for name in ["first", r#"x{"a""#, "", "last"] {
        registry.counter(name).inc();
    }
    let collected = collect(&registry, "", NOON);
    let metrics: Vec<_> = collected.points.iter().map(DataPoint::metric).collect();
    assert_eq!(metrics, ["first.count", "last.count"]);
    let [broken, empty] = &collected.skipped[..] else { panic!("{:?}", collected.skipped) };
    assert_eq!((&*broken.name, &*empty.name), (r#"x{"a""#, ""));
    assert!(broken.reason.contains(r#"`x{"a"`"#), "{}", broken.reason);
    assert_eq!(empty.reason, "the metric has no name");
}

#[test]
fn a_gauge_that_panics_costs_only_itself() {
    let registry = Registry::new();
    registry.gauge_fn("before", || 1.0);
    registry.gauge_fn(("broken", [("k", "v")]), || panic!("no queue `{}`", "jobs"));
    registry.gauge_fn("odd", || std::panic::panic_any(7));
    registry.gauge_fn("after", || 2.0);
    registry.counter("broken").inc();
    for _ in 0..2 {
        let expected = [("broken.count", 1.0), ("before.value", 1.0), ("after.value", 2.0)];
        assert_eq!(collected(&registry), expected.map(|(name, value)| (name.to_owned(), value)));
        let skipped =
            |name: &str, reason: &str| Skipped { name: name.into(), reason: reason.into() };
        assert_eq!(
            collect(&registry, "", NOON).skipped,
            [
                skipped("broken{k:v}", "the gauge's function panicked: `no queue `jobs``"),
                skipped("odd", "the gauge's function panicked"),
            ]
        );
    }
}

#[test]
fn values_that_are_not_finite_are_dropped_and_counted() {
    let registry = Registry::new();
    registry.gauge("unset");
    registry.gauge("infinite").set(f64::NEG_INFINITY);
    registry.gauge("set").set(1.0);
    let collected = collect(&registry, "", NOON);
    assert_eq!(collected.points, [DataPoint::new("set.value", NOON, 1.0)]);
    assert_eq!((collected.skipped, collected.non_finite), (vec![], 2));
}

/// A counter of 5 and a meter marked twice are one `count` of 2, as in pyformance.
#[test]
fn of_kinds_with_one_name_the_later_gives_a_common_field() {
    let registry = Registry::new();
    registry.meter("x").mark_n(2);
    registry.counter("x").inc_by(5);
    let names = ["x.count", "x.15m_rate", "x.5m_rate", "x.1m_rate", "x.mean_rate"];
    let points = collected(&registry);
    assert_eq!(points.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), names);
    assert_eq!(points[0].1, 2.0);
}

#[test]
fn all_five_kinds_with_one_name_send_each_field_once() {
    let (registry, _clock) = registry();
    registry.gauge("x").set(9.0);
    registry.timer("x").record(Duration::from_secs(4));
    registry.meter("x").mark_n(2);
    registry.histogram("x").record(7);
    registry.counter("x").inc_by(5);
    registry.counter("y").inc();
    let points = collected(&registry);
    // Those of the timer, `value`, and the counter `y`.
    assert_eq!(points.len(), 15 + 1 + 1);
    let value = |name: &str| {
        let found: Vec<f64> =
            points.iter().filter(|(metric, _)| metric == name).map(|(_, value)| *value).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]
    };
    assert_eq!((value("x.count"), value("x.max"), value("x.value")), (1.0, 4.0, 9.0));
    assert_eq!((value("x.sum"), value("x.75_percentile"), value("y.count")), (4.0, 4.0, 1.0));
    // The order of first appearance: the counter's field, then the histogram's.
    assert_eq!((&*points[0].0, &*points[1].0, &*points[16].0), ("x.count", "x.avg", "y.count"));
}

/// Two instruments that decode to one series are one point: a series has one value an instant.
#[test]
fn an_encoded_name_and_its_tags_are_one_series() {
    let registry = Registry::new();
    registry.counter(r#"x{"k": "v"}"#).inc_by(5);
    registry.meter(("x", [("k", "v")])).mark_n(2);
    let points = collect(&registry, "", NOON).points;
    assert_eq!(points.len(), 5);
    assert_eq!(points[0], DataPoint::new(("x.count", [("k", "v")]), NOON, 2.0));
}

#[test]
fn points_handed_out_one_by_one_are_those_of_the_collection() {
    let registry = Registry::new();
    for n in 0..50 {
        registry.counter(("orders", [("n", n.to_string())])).inc_by(n);
        registry.gauge(format!("level.{n}")).set(n as f64);
    }
    registry.gauge("never.set");
    registry.counter("broken{\"a\"").inc();
    // One name of three kinds, and one series under two texts.
    registry.counter("requests").inc();
    registry.meter("requests").mark_n(7);
    registry.timer("requests").record(std::time::Duration::from_secs(1));
    registry.counter(r#"mixed{"a": "b"}"#).inc();
    registry.gauge(("mixed", [("a", "b")])).set(3.0);
    let key = |point: &DataPoint| (point.name().to_string(), point.value().to_bits());
    let expected = collect(&registry, "shop.", NOON);
    let mut points = Vec::new();
    let left = collect_each(&registry, "shop.", NOON, |point| points.push(point));
    assert_eq!((left.skipped, left.non_finite), (expected.skipped, expected.non_finite));
    let [mut ours, mut theirs] = [&points, &expected.points].map(|points| {
        points.iter().filter(|point| !point.metric().ends_with("rate")).map(key).collect::<Vec<_>>()
    });
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert_eq!(points.len(), expected.points.len());
}
