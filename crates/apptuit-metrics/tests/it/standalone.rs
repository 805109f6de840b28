//! Instruments in no registry, and registries of instruments that are asked.

use std::sync::Arc;
use std::time::Duration;

use apptuit_metrics::collect::collect;
use apptuit_metrics::{
    Counter, Ewma, ExponentiallyDecaying, Histogram, Kind, ManualClock, Meter, Metric, Reading,
    Registry, Sampling, Timer,
};
use apptuit_model::Timestamp;

use crate::{Unsteady, assert_same};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn an_instrument_made_elsewhere_says_in_a_registry_what_it_says_itself() {
    let (clock, sampling) = (ManualClock::new(), Sampling::of(ExponentiallyDecaying::new));
    let (counter, meter) = (Counter::new(), Meter::with_clock(clock.clone()));
    let histogram = Histogram::with(clock.clone(), &sampling);
    let timer = Timer::with(clock.clone(), &sampling);
    let registry = Registry::new();
    let (c, m, h, t) = (counter.clone(), meter.clone(), histogram.clone(), timer.clone());
    assert!(registry.reading_fn("t", Kind::Timer, move || t.reading()));
    assert!(registry.reading_fn("c", Kind::Counter, move || c.reading()));
    assert!(registry.reading_fn("h", Kind::Histogram, move || h.reading()));
    assert!(registry.reading_fn("m", Kind::Meter, move || m.reading()));
    counter.inc_by(4);
    meter.mark_n(3);
    histogram.record(7);
    timer.record_secs(0.5);
    clock.advance(secs(5));
    let dump = registry.dump();
    let readings: Vec<_> = dump.into_iter().map(|metric| metric.reading).collect();
    assert_eq!(
        readings,
        [counter.reading(), histogram.reading(), meter.reading(), timer.reading()]
    );
    assert_eq!(counter.reading(), Reading::Counter(4));
    assert_eq!((meter.mean_rate(), timer.mean_rate(), histogram.max()), (0.6, 0.2, 7.0));
}

#[test]
fn of_two_that_are_asked_the_first_stays_and_each_kind_has_its_own_names() {
    let registry = Registry::builder().max_series_per_metric(1).build();
    let say = |value| move || Reading::Fields(vec![("value", value)]);
    assert!(registry.reading_fn("x", Kind::Gauge, say(1.0)));
    assert!(!registry.reading_fn("x", Kind::Gauge, say(2.0)));
    // A second series of the metric, which is full.
    assert!(!registry.reading_fn(("x", [("k", "v")]), Kind::Counter, say(3.0)));
    assert_eq!(
        registry.dump().iter().flat_map(Metric::fields).collect::<Vec<_>>(),
        [("value", 1.0)]
    );
    assert_eq!(registry.len(), 1);
    assert!(registry.remove("x"));
    assert!(registry.reading_fn("x", Kind::Counter, say(4.0)));
    assert_eq!(registry.dump()[0].kind, Kind::Counter);
}

#[test]
fn one_that_is_asked_may_use_its_registry_and_fails_alone() {
    let registry = Registry::new();
    let own = registry.clone();
    registry.reading_fn("size", Kind::Counter, move || {
        own.counter("made.meanwhile");
        Reading::Fields(vec![("count", own.len() as f64)])
    });
    registry.reading_fn("broken", Kind::Meter, || panic!("expected by the test"));
    let collected = collect(&registry, "", Timestamp::from_secs(1));
    assert_eq!(collected.points.len(), 1, "{:?}", collected.points);
    assert_eq!((collected.points[0].metric(), collected.points[0].value()), ("size.count", 3.0));
    let reason = &collected.skipped[0].reason;
    assert_eq!(reason, "the meter's function panicked: `expected by the test`");
}

#[test]
fn what_is_asked_is_dropped_with_its_registry() {
    let (registry, held) = (Registry::new(), Arc::new(()));
    let inside = Arc::clone(&held);
    registry.reading_fn(
        "x",
        Kind::Gauge,
        move || Reading::Gauge(Arc::strong_count(&inside) as f64),
    );
    assert_eq!(Arc::strong_count(&held), 2);
    registry.clear();
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_meter_counts_parts_of_events() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    meter.mark();
    meter.mark_by(2.5);
    meter.mark_by(f64::NAN);
    meter.mark_by(f64::INFINITY);
    clock.advance(secs(5));
    assert_eq!((meter.amount(), meter.count()), (3.5, 3));
    assert_same(meter.one_minute_rate(), 0.7);
    meter.mark_by(-10.0);
    assert_eq!((meter.amount(), meter.count()), (-6.5, 0));
    meter.clear();
    assert_eq!((meter.amount(), meter.one_minute_rate()), (0.0, 0.0));
}

#[test]
fn an_average_ticks_when_it_is_read_and_the_others_do_not() {
    let clock = ManualClock::new();
    let meter = Meter::with_clock(clock.clone());
    meter.mark_n(60);
    clock.advance(secs(6));
    assert_same(meter.one_minute_rate(), 10.0);
    clock.advance(secs(4));
    assert_same(meter.one_minute_rate(), 10.0);
    assert_same(meter.five_minute_rate(), 6.0);
    meter.tick();
    assert_same(meter.one_minute_rate(), 10.0 * (-4.0_f64 / 60.0).exp());
}

#[test]
fn an_average_may_tick_more_often() {
    let mut rate = Ewma::new(secs(60), secs(0)).with_interval(secs(1));
    rate.add(1.5);
    assert_eq!((rate.uncounted(), rate.last_rate(), rate.last_tick()), (1.5, None, secs(0)));
    assert_eq!((rate.rate(Duration::from_millis(900)), rate.rate(secs(1))), (0.0, 1.5));
    assert_eq!((rate.uncounted(), rate.last_rate(), rate.last_tick()), (0.0, Some(1.5), secs(1)));
}

#[test]
fn a_start_may_end_more_than_once_and_a_span_below_zero_is_refused() {
    let clock = Unsteady::default();
    let timer = Timer::with(clock.clone(), &Sampling::default());
    clock.set_secs(10);
    let start = timer.instant();
    clock.set_secs(11);
    assert_eq!(timer.record_since(start), Some(secs(1)));
    clock.set_secs(13);
    assert_eq!(timer.record_since(start), Some(secs(3)));
    clock.set_secs(9);
    assert_eq!(timer.record_since(start), None);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        timer.record_secs(bad);
    }
    assert_eq!((timer.count(), timer.sum(), timer.refused()), (2, 4.0, 4));
}
