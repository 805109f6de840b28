//! Whether numbers are those of the simple version.

use std::time::Duration;

use apptuit_metrics::{Distribution, Rates};

use super::model::Instrument;

/// A sample of so many values knows them all.
const SIZE: usize = 1028;

/// Equal but for the roundings of a sum whose terms are added in another order.
#[track_caller]
fn same(actual: f64, expected: f64, scale: f64) {
    assert!((actual - expected).abs() <= 1e-11 * scale, "{actual} is not {expected} by {scale}");
}

#[track_caller]
pub(super) fn same_rates(actual: Rates, expected: [f64; 4]) {
    let actual = [actual.mean, actual.one_minute, actual.five_minutes, actual.fifteen_minutes];
    for (actual, expected) in actual.into_iter().zip(expected) {
        same(actual, expected, expected.abs().max(1.0));
    }
}

#[track_caller]
pub(super) fn same_values(actual: &Distribution, simple: &Instrument, now: i64) {
    let values = &simple.values;
    let scale = values.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
    let extreme = |pick: fn(f64, f64) -> f64| values.iter().copied().reduce(pick).unwrap_or(0.0);
    assert_eq!(actual.count, values.len() as u64);
    assert_eq!((actual.min, actual.max), (extreme(f64::min), extreme(f64::max)));
    same(actual.sum, simple.sum(), scale * values.len() as f64);
    same(actual.mean, simple.mean(), scale);
    // A mean that is off by a rounding spoils a deviation by that of the largest value.
    same(actual.std_dev, simple.std_dev(), scale);
    let idle = simple.last.map(|last| Duration::from_secs((now - last).max(0).cast_unsigned()));
    assert_eq!(actual.idle, idle);
    if values.len() <= SIZE {
        let shares = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];
        let quantiles = [actual.p50, actual.p75, actual.p95, actual.p98, actual.p99, actual.p999];
        for (share, quantile) in shares.into_iter().zip(quantiles) {
            assert_eq!(quantile, simple.quantile(share), "at {share}");
        }
    }
}
