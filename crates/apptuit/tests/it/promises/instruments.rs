//! The five instruments, through a reporter to a server; and names with tags.
#![expect(clippy::float_cmp, reason = "counts and halves are exact")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use apptuit::metrics::{Key, ManualClock, Registry};
use apptuit::{Tags, TimeSeriesName, Timestamp, decode_metric, encode_metric};

use super::World;

#[test]
fn f24_one_name_is_one_instrument() {
    let registry = Registry::new();
    registry.counter("c").inc();
    registry.gauge("g").set(2.0);
    registry.meter("m").mark();
    registry.histogram("h").record(1.0);
    registry.timer("t").record(Duration::from_secs(1));
    assert_eq!((registry.counter("c").count(), registry.gauge("g").value()), (1, 2.0));
    assert_eq!((registry.meter("m").count(), registry.histogram("h").count()), (1, 1));
    assert_eq!((registry.timer("t").count(), registry.len()), (1, 5));
}

/// In place of `from pyformance import MetricsRegistry`: `apptuit::metrics`, with the same five.
#[test]
fn f25_the_registry_and_its_five_instruments_come_with_the_crate() {
    let world = World::new();
    let registry: apptuit::metrics::Registry = Registry::new();
    registry.counter("c").inc();
    registry.meter("m").mark();
    registry.timer("t").record(Duration::from_secs(1));
    registry.histogram("h").record(1.0);
    registry.gauge("g").set(1.0);
    world.reporter(&registry).build().report_now().unwrap();
    for metric in ["c_count", "m_count", "t_count", "h_count", "g_value"] {
        assert_eq!(world.value(metric), 1.0, "{metric}");
    }
}

#[test]
fn f26_a_meter_has_a_count_and_four_rates() {
    let (world, clock) = (World::new(), ManualClock::new());
    clock.set_timestamp(Timestamp::from_secs(1_600_000_000));
    let registry = Registry::with_clock(clock.clone());
    let meter = registry.meter("requests");
    meter.mark();
    meter.mark_n(29);
    clock.advance(Duration::from_secs(5));
    world.reporter(&registry).build().report_now().unwrap();
    assert_eq!((world.value("requests_count"), world.value("requests_mean_rate")), (30.0, 6.0));
    for rate in ["requests_1m_rate", "requests_5m_rate", "requests_15m_rate"] {
        // The first five seconds are all that is known.
        assert!((world.value(rate) - 6.0).abs() < 1e-9, "{rate}");
    }
}

#[test]
fn f27_a_function_is_asked_for_a_gauge_at_each_report() {
    let world = World::new();
    let registry = Registry::new();
    let asked = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&asked);
    registry.gauge_fn("depth", move || f64::from(counting.fetch_add(1, Ordering::Relaxed) + 1));
    let reporter = world.reporter(&registry).build();
    reporter.report_now().unwrap();
    assert_eq!(world.value("depth_value"), 1.0);
    reporter.report_now().unwrap();
    assert_eq!((world.value("depth_value"), asked.load(Ordering::Relaxed)), (2.0, 2));
}

#[test]
fn f28_a_counter_goes_up_and_down_by_one_and_by_more() {
    let world = World::new();
    let registry = Registry::new();
    let counter = registry.counter("jobs");
    counter.inc();
    counter.inc_by(10);
    counter.dec();
    counter.dec_by(3);
    world.reporter(&registry).build().report_now().unwrap();
    assert_eq!(world.value("jobs_count"), 7.0);
}

#[test]
fn f29_a_timer_measures_a_block_also_one_that_returns() {
    let (world, clock) = (World::new(), ManualClock::new());
    clock.set_timestamp(Timestamp::from_secs(1_600_000_000));
    let registry = Registry::with_clock(clock.clone());
    let timer = registry.timer("work");
    let work = |secs: u64, returns: bool| {
        let _running = timer.start();
        clock.advance(Duration::from_secs(secs));
        if returns {
            return;
        }
        clock.advance(Duration::from_secs(1));
    };
    work(2, true);
    work(2, false);
    timer.time(|| clock.advance(Duration::from_secs(4)));
    world.reporter(&registry).build().report_now().unwrap();
    let statistics = ["count", "sum", "min", "max", "avg", "50_percentile"];
    let values = statistics.map(|field| world.value(&format!("work_{field}")));
    assert_eq!(values, [3.0, 9.0, 2.0, 4.0, 3.0, 3.0]);
    // Three in nine seconds.
    assert!((world.value("work_mean_rate") - 1.0 / 3.0).abs() < 1e-9);
    for field in ["1m_rate", "5m_rate", "15m_rate", "std_dev", "999_percentile"] {
        assert!(world.value(&format!("work_{field}")) > 0.0, "{field}");
    }
}

#[test]
fn f30_a_histogram_has_min_max_mean_sum_and_count() {
    let world = World::new();
    let registry = Registry::new();
    let histogram = registry.histogram("items");
    for value in [3, 1, 4, 1, 5] {
        histogram.record(value);
    }
    world.reporter(&registry).build().report_now().unwrap();
    let values = ["min", "max", "avg", "count"].map(|field| world.value(&format!("items_{field}")));
    assert_eq!(values, [1.0, 5.0, 2.8, 5.0]);
    assert_eq!(histogram.sum(), 14.0);
}

#[test]
fn f38_an_encoded_name_is_a_key_of_the_registry() {
    let world = World::new();
    let tags = Tags::from([("city-code", "BLR")]);
    let encoded = encode_metric("order_count", &tags);
    assert_eq!(encoded, r#"order_count{"city-code": "BLR"}"#);
    let registry = Registry::new();
    // A key is hashed once; the name itself, or a tuple, will do as well.
    let key = Key::new(decode_metric(&encoded).unwrap());
    registry.counter(&key).inc();
    registry.counter(("order_count", &tags)).inc();
    assert_eq!(registry.len(), 1);
    world.reporter(&registry).build().report_now().unwrap();
    let series = world.series("order_count_count");
    assert_eq!(series[0].tags(), &Tags::from([("city_code", "BLR"), ("service", "shop")]));
    assert_eq!(series[0].values(), [2.0]);
}

#[test]
fn f39_an_encoded_name_is_decoded_to_metric_and_tags() {
    let name = decode_metric(r#"order_count{"city": "BLR", "n": 1}"#).unwrap();
    assert_eq!(name, TimeSeriesName::from(("order_count", [("city", "BLR"), ("n", "1")])));
    assert_eq!(decode_metric("plain").unwrap(), TimeSeriesName::from("plain"));
    assert!(decode_metric("m{").is_err());
}

#[test]
fn f40_other_tags_are_another_series_and_instruments_may_be_kept() {
    let world = World::new();
    let registry = Registry::new();
    let cities = ["blr", "nyc"].map(|city| registry.counter(("orders", [("city", city)])));
    let reporter = world.reporter(&registry).build();
    cities[0].inc();
    cities[1].inc_by(5);
    reporter.report_now().unwrap();
    cities[0].inc();
    reporter.report_now().unwrap();
    let mut found: Vec<_> = world
        .series("orders_count")
        .iter()
        .map(|one| (one.tags().get("city").unwrap().to_owned(), *one.values().last().unwrap()))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, [("blr".to_owned(), 2.0), ("nyc".to_owned(), 5.0)]);
}
