//! Reservoirs and functions of others that panic: isolated, counted, visible.

use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use apptuit_metrics::collect::collect;
use apptuit_metrics::{Meter, Metric, Reading, Registry, Reservoir, Sampling, Snapshot};
use apptuit_model::{DataPoint, Timestamp};

/// A sample that panics when it is told so, with its lock held.
#[derive(Debug)]
struct Fragile {
    breaks_on: &'static str,
    values: Mutex<Vec<f64>>,
}

impl Fragile {
    fn sampling(breaks_on: &'static str) -> Sampling {
        Sampling::of(move || Self { breaks_on, values: Mutex::default() })
    }

    fn open(&self, during: &str) -> MutexGuard<'_, Vec<f64>> {
        let values = self.values.lock().expect("poisoned by an earlier panic");
        assert!(self.breaks_on != during, "expected by the test");
        values
    }
}

impl Reservoir for Fragile {
    fn offer(&self, values: &[f64], _: Duration) {
        self.open("offer").extend(values);
    }

    fn snapshot(&self, _: Duration) -> Snapshot {
        self.open("snapshot").iter().copied().collect()
    }

    fn clear(&self) {
        self.open("clear").clear();
    }
}

fn only(metrics: &[Metric]) -> &Metric {
    assert_eq!(metrics.len(), 1);
    &metrics[0]
}

fn count_and_sum(metric: &Metric) -> (u64, f64) {
    match &metric.reading {
        Reading::Histogram(values) | Reading::Timer(values, _) => (values.count, values.sum),
        reading => panic!("expected values, not {reading:?}"),
    }
}

/// The first panic poisons the sample's lock, so that from then on every call panics.
#[test]
fn a_reservoir_that_panics_costs_neither_totals_nor_the_program() {
    for breaks_on in ["offer", "snapshot", "clear"] {
        for sampling in [Fragile::sampling(breaks_on), Fragile::sampling(breaks_on).per_report()] {
            let registry = Registry::new();
            let histogram = registry.histogram_with("h", &sampling);
            let timer = registry.timer_with("t", &sampling);
            for n in 0..1000 {
                histogram.record(n);
                timer.record(Duration::from_secs(1));
            }
            histogram.snapshot();
            let report = registry.report();
            assert_eq!(count_and_sum(&report[0]), (1000, 499_500.0), "{breaks_on}");
            assert_eq!(count_and_sum(&report[1]), (1000, 1000.0), "{breaks_on}");
            // Cleared although the sample could not be.
            histogram.clear();
            timer.clear();
            assert_eq!((histogram.count(), timer.count()), (0, 0), "{breaks_on}");
            histogram.record(3);
            let report = registry.report();
            assert_eq!(count_and_sum(&report[0]), (1, 3.0), "{breaks_on}");
            assert!(report.iter().all(|metric| metric.refused > 0), "{breaks_on}: {report:?}");
        }
    }
}

#[test]
fn quantiles_that_could_not_be_read_are_not_sent_and_all_others_are() {
    let registry = Registry::new();
    registry.histogram_with("fragile", &Fragile::sampling("snapshot")).record(5);
    registry.histogram("sound").record(5);
    let collected = collect(&registry, "", Timestamp::from_secs(0));
    let sent: Vec<_> = collected.points.iter().map(DataPoint::metric).collect();
    let quantiles = ["75", "95", "99", "999"].map(|n| format!("fragile.{n}_percentile"));
    let sent_of = |name: &str| sent.iter().filter(|it| it.starts_with(name)).count();
    assert_eq!((sent_of("sound.") - sent_of("fragile."), collected.non_finite), (4, 4));
    assert!(quantiles.iter().all(|quantile| !sent.contains(&quantile.as_str())), "{sent:?}");
    assert_eq!(registry.dump()[1].refused, 0);
}

/// Eight threads meet in a reservoir that breaks.
#[test]
fn threads_that_record_go_on_while_their_reservoir_breaks() {
    let registry = Registry::new();
    let histogram = registry.histogram_with("h", &Fragile::sampling("offer").per_report());
    let mut sum = (0, 0.0);
    let mut report = || {
        let (count, part) = count_and_sum(only(&registry.report()));
        sum = (sum.0 + count, sum.1 + part);
    };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..2000).for_each(|_| histogram.record(2)));
        }
        (0..50).for_each(|_| report());
    });
    report();
    assert_eq!(sum, (16_000, 32_000.0));
}

/// Text or not, and even if what it panics with panics again: the others are read, and it is named.
#[test]
fn a_gauge_function_that_panics_fails_alone_and_visibly() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            assert!(thread::panicking(), "expected by the test");
        }
    }
    let registry = Registry::new();
    registry.gauge_fn("text", || panic!("expected by the test"));
    registry.gauge_fn("formatted", || panic!("number {}", 7));
    registry.gauge_fn("value", || std::panic::panic_any(7));
    registry.gauge_fn("again", || std::panic::panic_any(Again));
    registry.gauge_fn("sound", || 1.0);
    for _ in 0..2 {
        let readings: Vec<_> = registry.dump().into_iter().map(|metric| metric.reading).collect();
        let failed = |why: &str| Reading::Failed(format!("the gauge's function panicked{why}"));
        let expected = [
            failed(": `expected by the test`"),
            failed(": `number 7`"),
            failed(""),
            failed(""),
            Reading::Gauge(1.0),
        ];
        assert_eq!(readings, expected);
    }
    let collected = collect(&registry, "", Timestamp::from_secs(0));
    assert_eq!((collected.points.len(), collected.skipped.len()), (1, 4));
}

/// A reservoir may itself be watched by instruments of the same registry.
#[test]
fn a_reservoir_may_record_into_other_instruments() {
    #[derive(Debug)]
    struct Watched(Registry);
    impl Reservoir for Watched {
        fn offer(&self, values: &[f64], _: Duration) {
            self.0.counter("offered").inc_by(i64::try_from(values.len()).expect("few"));
            self.0.histogram("offers").record(1);
        }
        fn snapshot(&self, _: Duration) -> Snapshot {
            self.0.counter("asked").inc();
            Snapshot::default()
        }
        fn clear(&self) {
            self.0.remove("offered");
        }
    }
    let registry = Registry::new();
    let watching = registry.clone();
    let histogram = registry.histogram_with("h", &Sampling::of(move || Watched(watching.clone())));
    (0..1000).for_each(|_| histogram.record(1));
    registry.dump();
    assert_eq!(registry.counter("offered").count(), 1000);
    assert_eq!(registry.counter("asked").count(), 1);
    histogram.clear();
    assert_eq!(registry.counter("offered").count(), 0);
    // Else the registry would own itself for ever.
    registry.clear();
}

/// Histograms are read before meters, and this one's sample has another thread use a meter: what was
/// counted before the meter is read is in it, and counts once in its rates.
#[test]
fn what_a_new_thread_counts_during_a_dump_is_counted_once() {
    #[derive(Debug)]
    struct Meanwhile(Meter);
    impl Reservoir for Meanwhile {
        fn offer(&self, _: &[f64], _: Duration) {}
        fn snapshot(&self, _: Duration) -> Snapshot {
            let meter = self.0.clone();
            let work = move || {
                meter.mark_n(10);
                meter.rates()
            };
            thread::spawn(work).join().expect("counting does not panic");
            Snapshot::default()
        }
        fn clear(&self) {}
    }
    let (registry, clock) = crate::registry();
    let meter = registry.meter("m");
    let watched = meter.clone();
    registry.histogram_with("h", &Sampling::of(move || Meanwhile(watched.clone())));
    let count = |dump: &[Metric]| match dump[1].reading {
        Reading::Meter(count, rates) => (count, rates.one_minute),
        _ => panic!("expected a meter, not {dump:?}"),
    };
    assert_eq!(count(&registry.dump()), (10.0, 0.0));
    clock.advance(Duration::from_secs(10));
    // Ten before, and ten more during this dump; the first tick is over all twenty.
    assert_eq!(count(&registry.dump()), (20.0, 2.0));
}

/// Records each value once more into the histogram that offers it.
#[derive(Debug, Default)]
struct Echo(std::sync::Arc<std::sync::OnceLock<apptuit_metrics::Histogram>>);

impl apptuit_metrics::Reservoir for Echo {
    fn offer(&self, values: &[f64], _: std::time::Duration) {
        if let Some(histogram) = self.0.get() {
            for value in values {
                histogram.record(*value);
            }
        }
    }

    fn snapshot(&self, _: std::time::Duration) -> apptuit_metrics::Snapshot {
        apptuit_metrics::Snapshot::default()
    }

    fn clear(&self) {}
}

#[test]
fn a_reservoir_that_records_into_its_own_histogram_ends_and_loses_nothing_unseen() {
    let histogram = std::sync::Arc::default();
    let echo = std::sync::Arc::clone(&histogram);
    let sampling = apptuit_metrics::Sampling::of(move || Echo(std::sync::Arc::clone(&echo)));
    let values = apptuit_metrics::Registry::new().histogram_with("echo", &sampling);
    histogram.set(values.clone()).expect("set once");
    for value in 0..1000 {
        values.record(value);
    }
    // Each of the thousand, and as many echoes as were neither refused nor still to come.
    let (count, refused) = (values.count(), values.refused());
    assert!(count >= 1000 && refused > 0, "{count} {refused}");
}
