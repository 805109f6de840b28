//! Quantiles against pyformance's numbers, and against a sorted array.

use apptuit_metrics::Snapshot;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{assert_same, registry};

#[test]
fn quantiles_of_one_to_ten_are_those_of_pyformance() {
    let sample: Snapshot = (1..=10).rev().map(f64::from).collect();
    let expected = [
        (0.0, 1.0),
        (0.05, 1.0),
        (0.25, 2.75),
        (0.5, 5.5),
        (0.75, 8.25),
        (0.9, 9.9),
        (0.95, 10.0),
        (0.99, 10.0),
        (0.999, 10.0),
        (1.0, 10.0),
    ];
    for (q, value) in expected {
        assert_same(sample.quantile(q), value);
    }
}

#[test]
fn every_quantile_of_one_value_is_that_value() {
    let sample: Snapshot = [42.5].into_iter().collect();
    for q in [0.0, 0.1, 0.5, 0.999, 1.0] {
        assert_eq!(sample.quantile(q), 42.5);
    }
    assert_eq!((sample.len(), sample.std_dev()), (1, 0.0));
}

#[test]
fn an_empty_sample_answers_zero() {
    let sample = Snapshot::default();
    assert!(sample.is_empty());
    assert_eq!([sample.median(), sample.min(), sample.max(), sample.mean()], [0.0; 4]);
    assert_eq!(sample.std_dev(), 0.0);
}

#[test]
fn quantiles_beyond_the_ends_are_the_ends() {
    let sample: Snapshot = [1.0, 2.0].into_iter().collect();
    assert_eq!([-1.0, f64::NEG_INFINITY, f64::NAN].map(|q| sample.quantile(q)), [1.0; 3]);
    assert_eq!([1.5, f64::INFINITY].map(|q| sample.quantile(q)), [2.0; 2]);
}

#[test]
fn quantiles_between_far_ends_stay_between_them() {
    let far: Snapshot = [-f64::MAX, f64::MAX].into_iter().collect();
    assert_eq!(far.median(), 0.0);
    let infinite: Snapshot = [f64::INFINITY; 3].into_iter().collect();
    assert_eq!(infinite.quantile(0.6), f64::INFINITY);
}

#[test]
fn mean_and_deviation_of_a_sample_are_those_of_its_values() {
    let sample: Snapshot = [1.0, 2.0, 3.0, 4.0, 100.0, f64::NAN].into_iter().collect();
    assert_same(sample.mean(), 22.0);
    assert_same(sample.std_dev(), 43.617_656_975_128_774);
    assert_same(sample.quantile(0.75), 52.0);
    assert_eq!(sample.quantile(0.95), 100.0);
}

proptest! {
    /// What a histogram samples, while it fits, is the sorted array: the k-th of n values stands at
    /// k / (n + 1).
    #[test]
    fn quantiles_match_a_sorted_array(values in vec(-1e9..1e9_f64, 1..300)) {
        let (registry, _clock) = registry();
        let histogram = registry.histogram("values");
        for value in &values {
            histogram.record(*value);
        }
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let sample = histogram.snapshot();
        prop_assert_eq!(sample.values(), &sorted[..]);
        for (n, value) in sorted.iter().enumerate() {
            let at = (n as f64 + 1.0) / (sorted.len() as f64 + 1.0);
            // The place is off by a few roundings, the value by that share of its neighbours' distance.
            prop_assert!((sample.quantile(at) - value).abs() <= 1e-3, "{} is not {value}", sample.quantile(at));
        }
        // Half way between two places stands the mean of two values.
        for (n, pair) in sorted.windows(2).enumerate() {
            let at = (n as f64 + 1.5) / (sorted.len() as f64 + 1.0);
            prop_assert!((sample.quantile(at) - f64::midpoint(pair[0], pair[1])).abs() <= 1e-3);
        }
    }

    #[test]
    fn a_greater_share_is_never_a_smaller_value(
        values in vec(any::<f64>(), 1..100),
        shares in vec(0.0..=1.0_f64, 2..20),
    ) {
        let sample: Snapshot = values.into_iter().filter(|value| value.is_finite()).collect();
        let mut shares = shares;
        shares.sort_by(f64::total_cmp);
        let quantiles: Vec<f64> = shares.into_iter().map(|share| sample.quantile(share)).collect();
        for pair in quantiles.windows(2) {
            // Mixing rounds, so two shares that are almost equal may be off by a rounding.
            prop_assert!(pair[0] <= pair[1] + pair[1].abs() * 1e-15, "{pair:?}");
        }
        for quantile in quantiles {
            prop_assert!(sample.min() <= quantile && quantile <= sample.max());
        }
    }
}
