//! Log-linear buckets: the error that was promised, and intervals from report to report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use apptuit_metrics::{
    Distribution, LogLinear, Metric, Reading, Registry, Reservoir, Sampling, Snapshot,
};
use proptest::collection::vec;
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::prelude::*;

const NOW: Duration = Duration::ZERO;

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO, -1e3..1e3_f64]
}

/// What a bucket may be off: a share of the value, or twice that of the smallest normal number.
fn allowed(error: f64, value: f64) -> f64 {
    error * value.abs().max(2.0 * f64::MIN_POSITIVE)
}

fn sample_of(error: f64, values: &[f64]) -> Snapshot {
    let buckets = LogLinear::new(error);
    assert!(buckets.error() <= error, "{} is more than {error}", buckets.error());
    buckets.offer(values, NOW);
    buckets.snapshot(NOW)
}

#[test]
fn zero_is_exact_and_the_ends_of_the_range_are_near() {
    for error in [0.25, 0.01, 0.0002] {
        assert_eq!(sample_of(error, &[0.0, -0.0]).values(), [0.0]);
        for value in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 1.0, -1.0] {
            let kept = sample_of(error, &[value]).median();
            assert!(kept.is_finite() && (kept - value).abs() <= allowed(error, value), "{kept:e}");
        }
    }
}

#[test]
fn the_error_is_kept_within_its_bounds() {
    let error = |asked| LogLinear::new(asked).error();
    assert_eq!([1.0, 0.3, 0.25, 0.2, 0.125].map(error), [0.25, 0.25, 0.25, 0.125, 0.125]);
    assert_eq!([0.0, -1.0, f64::NAN, 1e-9].map(error), [0.5_f64.powi(13); 4]);
}

fn values_of(metric: &Metric) -> Distribution {
    match metric.reading {
        Reading::Histogram(values) => values,
        _ => panic!("expected a histogram, not {metric:?}"),
    }
}

/// Buckets that say how much they had counted whenever they are cleared.
#[derive(Debug)]
struct Audited {
    buckets: LogLinear,
    cleared: Arc<AtomicU64>,
}

impl Reservoir for Audited {
    fn offer(&self, values: &[f64], at: Duration) {
        self.buckets.offer(values, at);
    }

    fn snapshot(&self, now: Duration) -> Snapshot {
        self.buckets.snapshot(now)
    }

    fn clear(&self) {
        self.cleared.fetch_add(self.snapshot(NOW).len() as u64, Ordering::Relaxed);
        self.buckets.clear();
    }
}

/// Eight threads record while another reports: each value counts in one interval, and in its
/// buckets.
#[test]
fn nothing_is_lost_or_counted_twice_between_intervals() {
    let rounds = 20 * crate::effort();
    let cleared = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&cleared);
    let make = move || Audited { buckets: LogLinear::new(0.1), cleared: Arc::clone(&shared) };
    let registry = Registry::new();
    let histogram = registry.histogram_with("h", &Sampling::of(make).per_report());
    let (mut count, mut sum) = (0, 0.0);
    let mut report = || {
        let values = values_of(&registry.report()[0]);
        assert_eq!(cleared.load(Ordering::Relaxed), count + values.count, "in the buckets");
        count += values.count;
        sum += values.sum;
        if values.count > 0 {
            assert!((1.0..=8.0).contains(&values.min) && values.min <= values.max, "{values:?}");
        }
    };
    for _ in 0..rounds {
        thread::scope(|scope| {
            for n in 1..=8 {
                let histogram = &histogram;
                scope.spawn(move || (0..1000).for_each(|_| histogram.record(n)));
            }
            (0..40).for_each(|_| report());
        });
    }
    report();
    assert_eq!((count, sum), (8000 * rounds, 36_000.0 * rounds as f64));
}

proptest! {
    #[test]
    fn a_value_is_at_most_the_error_off(value in finite(), error in 0.0002..0.3_f64) {
        let sample = sample_of(error, &[value]);
        prop_assert_eq!(sample.len(), 1);
        let off = (sample.median() - value).abs();
        prop_assert!(off <= allowed(error, value), "{:e} for {value:e}", sample.median());
    }

    /// Quantiles are mixed of two neighbours, each at most the error off.
    #[test]
    fn quantiles_are_at_most_the_error_off(
        values in vec(-1e9..1e9_f64, 1..200),
        error in 0.001..0.25_f64,
    ) {
        let (sample, exact) = (sample_of(error, &values), values.iter().copied().collect::<Snapshot>());
        prop_assert_eq!(sample.len(), values.len());
        for share in [0.0, 0.1, 0.5, 0.75, 0.95, 0.99, 1.0] {
            let place = share * (values.len() as f64 + 1.0);
            let at = |place: f64| exact.quantile(place / (values.len() as f64 + 1.0)).abs();
            let largest = at(place.floor()).max(at(place.ceil()));
            let off = (sample.quantile(share) - exact.quantile(share)).abs();
            prop_assert!(off <= allowed(error, largest) * (1.0 + 1e-9), "{off} at {share}");
        }
    }

    #[test]
    fn each_interval_has_its_own_count_sum_and_extremes(
        intervals in vec(vec(-1_000_000..1_000_000_i32, 0..150), 1..5),
        dump_between in any::<bool>(),
    ) {
        let (registry, _clock) = crate::registry();
        let histogram = registry.histogram_with("h", &Sampling::log_linear(0.01));
        for interval in intervals {
            for value in &interval {
                histogram.record(*value);
                if dump_between && value % 50 == 0 {
                    registry.dump();
                }
            }
            let values = values_of(&registry.report()[0]);
            let sum: i64 = interval.iter().map(|value| i64::from(*value)).sum();
            prop_assert_eq!((values.count, values.sum), (interval.len() as u64, sum as f64));
            let ends = (interval.iter().min(), interval.iter().max());
            let ends = (ends.0.map_or(0, |it| *it), ends.1.map_or(0, |it| *it));
            prop_assert_eq!((values.min, values.max), (f64::from(ends.0), f64::from(ends.1)));
            prop_assert!(histogram.snapshot().is_empty());
        }
    }
}
