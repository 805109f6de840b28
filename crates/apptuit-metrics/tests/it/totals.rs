//! Count, sum, extremes and variance since the start.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::{assert_same, assert_zero, registry};

#[test]
fn totals_of_a_thousand_values_are_exact() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    for value in 0..1000 {
        histogram.record(value);
    }
    assert_eq!((histogram.count(), histogram.sum()), (1000, 499_500.0));
    assert_eq!((histogram.min(), histogram.max(), histogram.mean()), (0.0, 999.0, 499.5));
    // n (n + 1) / 12 for the first n whole numbers.
    assert_same(histogram.variance(), 1000.0 * 1001.0 / 12.0);
}

#[test]
fn totals_outlive_the_sample() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    for value in 0..5000 {
        histogram.record(value);
    }
    assert_eq!(histogram.snapshot().len(), 1028);
    assert_eq!((histogram.count(), histogram.min(), histogram.max()), (5000, 0.0, 4999.0));
}

#[test]
fn one_far_value_moves_mean_and_deviation_as_in_pyformance() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    for value in [1, 2, 3, 4, 100] {
        histogram.record(value);
    }
    assert_same(histogram.mean(), 22.0);
    assert_same(histogram.std_dev(), 43.617_656_975_128_774);
}

/// A mean that passes through -1 once made pyformance forget what it had.
#[test]
fn a_mean_of_minus_one_is_a_mean_like_any_other() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    for value in [-1, 5, 9] {
        histogram.record(value);
    }
    assert_same(histogram.variance(), 76.0 / 3.0);
}

#[test]
fn extremes_may_lie_beyond_32_bits() {
    let (registry, _clock) = registry();
    let (high, low) = (registry.histogram("high"), registry.histogram("low"));
    for size in [3e9, 4e9] {
        high.record(size);
        low.record(-size);
    }
    assert_eq!((high.min(), high.max()), (3e9, 4e9));
    assert_eq!((low.min(), low.max()), (-4e9, -3e9));
}

#[test]
fn an_empty_histogram_is_zero_throughout() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    assert_zero(&[histogram.sum(), histogram.min(), histogram.max(), histogram.mean()]);
    assert_zero(&[histogram.variance(), histogram.std_dev()]);
    assert_zero(&histogram.count());
    histogram.record(f64::NAN);
    assert_zero(&histogram.count());
}

#[test]
fn a_value_that_is_not_finite_changes_nothing_and_is_counted() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    histogram.record(1.0);
    let before = registry.dump();
    for refused in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        histogram.record(refused);
    }
    let after = registry.dump();
    assert_eq!((&after[0].reading, after[0].refused), (&before[0].reading, 3));
    histogram.record(3.0);
    assert_eq!((histogram.count(), histogram.sum()), (2, 4.0));
    assert_eq!(histogram.snapshot().values(), [1.0, 3.0]);
}

#[test]
fn clearing_a_histogram_forgets_everything() {
    let (registry, _clock) = registry();
    let histogram = registry.histogram("values");
    histogram.record(100);
    histogram.clear();
    assert!(histogram.snapshot().is_empty());
    histogram.record(7);
    assert_eq!((histogram.count(), histogram.min(), histogram.max()), (1, 7.0, 7.0));
}

proptest! {
    /// The variance against sums of whole numbers, which lose nothing.
    #[test]
    fn the_variance_matches_exact_arithmetic(values in vec(-1000_i32..1000, 2..200), offset in 0_i32..1_000_000) {
        let (registry, _clock) = registry();
        let histogram = registry.histogram("values");
        for value in &values {
            histogram.record(value + offset);
        }
        let n = i64::try_from(values.len()).expect("short");
        let sum: i64 = values.iter().map(|value| i64::from(*value)).sum();
        let squares: i64 = values.iter().map(|value| i64::from(*value).pow(2)).sum();
        // Of whole numbers: n * squares - sum^2 is exact, and does not know the offset.
        let expected = (n * squares - sum * sum) as f64 / (n * (n - 1)) as f64;
        let error = (histogram.variance() - expected).abs();
        prop_assert!(error <= 1e-9 * expected + 1e-9, "{} is not {expected}", histogram.variance());
    }
}
