//! Names, kinds, order and gauges of a registry.

use apptuit_metrics::{Kind, Metric, Registry};

use crate::registry;

fn field_names(registry: &Registry) -> Vec<&'static str> {
    registry.dump().iter().flat_map(Metric::fields).map(|(name, _)| name).collect()
}

#[test]
fn one_name_and_kind_is_one_instrument_and_a_clone_is_the_same_registry() {
    let registry = Registry::new();
    registry.clone().counter("orders").inc();
    registry.counter("orders").inc();
    assert_eq!(registry.counter("orders").count(), 2);
    registry.counter(("orders", [("city", "blr")])).inc();
    assert_eq!((registry.counter("orders").count(), registry.len()), (2, 2));
}

/// A program that wants the same random numbers each time seeds them, maybe in each of its parts.
#[test]
fn registries_made_after_the_same_seed_share_nothing() {
    let seeded = || {
        fastrand::seed(7);
        Registry::new()
    };
    let (first, second) = (seeded(), seeded());
    first.counter("orders").inc();
    assert_eq!((second.counter("orders").count(), second.len()), (0, 1));
}

#[test]
fn each_kind_has_its_own_names() {
    let registry = Registry::new();
    registry.counter("x").inc_by(5);
    registry.meter("x").mark_n(2);
    registry.histogram("x").record(1);
    registry.timer("x");
    registry.gauge("x").set(1.0);
    assert_eq!(registry.len(), 5);
    assert_eq!((registry.counter("x").count(), registry.meter("x").count()), (5, 2));
}

#[test]
fn a_dump_is_ordered_by_kind_and_then_by_creation() {
    let registry = Registry::new();
    registry.gauge("g");
    registry.timer("t");
    registry.meter("m");
    registry.histogram("h");
    for name in ["z", "a", "k", "b"] {
        registry.counter(name);
    }
    registry.remove("a");
    registry.counter("z").inc();
    registry.counter("a");
    let order: Vec<_> = registry
        .dump()
        .iter()
        .map(|metric| (metric.kind, metric.name.metric().to_owned()))
        .collect();
    let expected = [
        (Kind::Counter, "z"),
        (Kind::Counter, "k"),
        (Kind::Counter, "b"),
        (Kind::Counter, "a"),
        (Kind::Histogram, "h"),
        (Kind::Meter, "m"),
        (Kind::Timer, "t"),
        (Kind::Gauge, "g"),
    ];
    assert_eq!(order, expected.map(|(kind, name)| (kind, name.to_owned())));
}

#[test]
fn counters_and_gauges_report_one_field() {
    let registry = Registry::new();
    registry.counter("c").dec_by(3);
    registry.gauge("g").set(2.5);
    let fields: Vec<_> = registry.dump().into_iter().map(|metric| metric.fields()).collect();
    assert_eq!(fields, [[("count", -3.0)], [("value", 2.5)]]);
}

#[test]
fn a_meter_reports_five_fields() {
    let registry = Registry::new();
    registry.meter("m");
    assert_eq!(field_names(&registry), ["count", "15m_rate", "5m_rate", "1m_rate", "mean_rate"]);
}

#[test]
fn a_histogram_reports_nine_fields_and_no_sum() {
    let registry = Registry::new();
    let histogram = registry.histogram("h");
    for value in [1, 2, 3, 4, 100] {
        histogram.record(value);
    }
    let expected = [
        ("avg", 22.0),
        ("count", 5.0),
        ("max", 100.0),
        ("min", 1.0),
        ("std_dev", histogram.std_dev()),
        ("75_percentile", 52.0),
        ("95_percentile", 100.0),
        ("99_percentile", 100.0),
        ("999_percentile", 100.0),
    ];
    assert_eq!(registry.dump()[0].fields(), expected);
}

#[test]
fn a_timer_reports_fifteen_fields() {
    let (registry, clock) = registry();
    let timer = registry.timer("t");
    for secs in [1, 2, 3, 4, 100] {
        timer.record(std::time::Duration::from_secs(secs));
    }
    clock.advance(std::time::Duration::from_secs(10));
    let expected = [
        ("avg", 22.0),
        ("sum", 110.0),
        ("count", 5.0),
        ("max", 100.0),
        ("min", 1.0),
        ("std_dev", timer.std_dev()),
        ("15m_rate", 0.5),
        ("5m_rate", 0.5),
        ("1m_rate", 0.5),
        ("mean_rate", 0.5),
        ("50_percentile", 3.0),
        ("75_percentile", 52.0),
        ("95_percentile", 100.0),
        ("99_percentile", 100.0),
        ("999_percentile", 100.0),
    ];
    assert_eq!(registry.dump()[0].fields(), expected);
}

#[test]
fn empty_instruments_report_zeros_and_no_sentinels() {
    let registry = Registry::new();
    registry.counter("c");
    registry.histogram("h");
    registry.meter("m");
    registry.timer("t");
    for metric in registry.dump() {
        assert!(metric.fields().iter().all(|(_, value)| *value == 0.0), "{metric:?}");
    }
}

#[test]
fn removing_forgets_a_name_in_every_kind() {
    let registry = Registry::new();
    let counter = registry.counter("x");
    registry.gauge_fn("x", || 1.0);
    registry.counter("y");
    assert!(registry.remove("x"));
    assert!(!registry.remove("x"));
    assert_eq!(registry.len(), 1);
    counter.inc();
    assert_eq!((counter.count(), registry.counter("x").count()), (1, 0));
    registry.clear();
    assert!(registry.is_empty() && registry.dump().is_empty());
}

#[test]
fn the_first_of_two_gauges_of_one_name_stays() {
    let registry = Registry::new();
    registry.gauge_fn("g", || 1.0);
    registry.gauge_fn("g", || 2.0);
    registry.gauge("g").set(3.0);
    assert_eq!(registry.gauge("g").value(), 1.0);
}

/// Would never end if a lock were held while functions run, or are dropped.
#[test]
fn a_gauge_may_use_its_own_registry() {
    struct Owner(Registry);
    impl Drop for Owner {
        fn drop(&mut self) {
            self.0.counter("dropped").inc();
        }
    }
    let registry = Registry::new();
    let gauge = |name: &str| {
        let owner = Owner(registry.clone());
        registry.gauge_fn(name, move || {
            owner.0.counter("asked").inc();
            owner.0.len() as f64
        });
    };
    gauge("size");
    gauge("size");
    assert_eq!(registry.counter("dropped").count(), 1);
    assert_eq!(registry.dump().len(), 2);
    assert_eq!(registry.counter("asked").count(), 1);
    registry.remove("size");
    assert_eq!(registry.counter("dropped").count(), 2);
    gauge("size");
    registry.clear();
    assert_eq!(registry.counter("dropped").count(), 1);
}
