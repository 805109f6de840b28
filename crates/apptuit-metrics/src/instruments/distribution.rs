//! What histograms and timers share: exact totals, and a sample for the quantiles.

use std::time::Duration;

use crate::Distribution;
use crate::reservoir::{ExponentiallyDecaying, Reservoir};

/// Count, sum, extremes and variance of all values since the start.
///
/// The variance is Welford's, which loses no digits to large values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    running_mean: f64,
    squares: f64,
}

impl Totals {
    fn record(&mut self, value: f64) {
        self.count = self.count.saturating_add(1);
        self.sum += value;
        if self.count == 1 {
            (self.min, self.max) = (value, value);
        } else {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        let before = value - self.running_mean;
        self.running_mean += before / self.count as f64;
        self.squares += before * (value - self.running_mean);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    pub(crate) fn min(&self) -> f64 {
        self.min
    }

    pub(crate) fn max(&self) -> f64 {
        self.max
    }

    pub(crate) fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    pub(crate) fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count as f64 - 1.0) }
    }

    pub(crate) fn std_dev(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// Totals and sample of one stream of values.
#[derive(Debug)]
pub(crate) struct Sampled {
    totals: Totals,
    reservoir: Box<dyn Reservoir>,
}

impl Sampled {
    pub(crate) fn new() -> Self {
        Self { totals: Totals::default(), reservoir: Box::new(ExponentiallyDecaying::new()) }
    }

    /// Takes a value in, unless it is not a number.
    pub(crate) fn record(&mut self, value: f64, now: Duration) {
        if !value.is_nan() {
            self.totals.record(value);
            self.reservoir.record(value, now);
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    pub(crate) fn read(&self) -> Distribution {
        let sample: crate::Snapshot = self.values().into_iter().collect();
        let totals = self.totals;
        Distribution {
            count: totals.count,
            sum: totals.sum,
            min: totals.min,
            max: totals.max,
            mean: totals.mean(),
            std_dev: totals.std_dev(),
            p50: sample.quantile(0.5),
            p75: sample.quantile(0.75),
            p95: sample.quantile(0.95),
            p98: sample.quantile(0.98),
            p99: sample.quantile(0.99),
            p999: sample.quantile(0.999),
            interval: false,
            idle: None,
        }
    }

    /// A copy of the sample, to be sorted without the lock.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.reservoir.values()
    }

    pub(crate) fn clear(&mut self) {
        self.totals = Totals::default();
        self.reservoir.clear();
    }
}
