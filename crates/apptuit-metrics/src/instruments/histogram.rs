//! How values are spread.

use std::sync::{Arc, Mutex};

use super::distribution::Sampled;
use super::{Totals, lock};
use crate::{Clock, Reading, Snapshot};

/// The spread of values: exact totals since the start, and quantiles of a sample.
///
/// The sample prefers [recent values](crate::ExponentiallyDecaying). Values that are not a number
/// are ignored; an infinite one makes the sum and the mean infinite. Empty, it is zero throughout.
///
/// ```
/// use apptuit_metrics::Registry;
///
/// let basket = Registry::new().histogram("basket.items");
/// for items in [1, 2, 3, 4, 100] {
///     basket.record(items);
/// }
/// assert_eq!((basket.count(), basket.mean(), basket.max()), (5, 22.0, 100.0));
/// assert_eq!(basket.snapshot().median(), 3.0);
/// ```
#[doc(alias = "Summary")]
#[doc(alias = "Distribution")]
#[derive(Clone, Debug)]
pub struct Histogram {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    distribution: Mutex<Sampled>,
}

impl Histogram {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let distribution = Mutex::new(Sampled::new());
        Self { shared: Arc::new(Shared { clock, distribution }) }
    }

    /// Takes a value in.
    #[doc(alias = "add")]
    #[doc(alias = "update")]
    #[doc(alias = "observe")]
    pub fn record(&self, value: impl Into<f64>) {
        let value = value.into();
        let now = self.shared.clock.now();
        lock(&self.shared.distribution).record(value, now);
    }

    /// The number of values since the start.
    pub fn count(&self) -> u64 {
        self.totals().count()
    }

    /// The sum of all values since the start.
    pub fn sum(&self) -> f64 {
        self.totals().sum()
    }

    /// The least value since the start.
    pub fn min(&self) -> f64 {
        self.totals().min()
    }

    /// The greatest value since the start.
    pub fn max(&self) -> f64 {
        self.totals().max()
    }

    /// The mean of all values since the start.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        self.totals().mean()
    }

    /// The variance of all values since the start (divided by n - 1).
    #[doc(alias = "var")]
    pub fn variance(&self) -> f64 {
        self.totals().variance()
    }

    /// The standard deviation of all values since the start: the root of the variance.
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        self.totals().std_dev()
    }

    /// The sample.
    pub fn snapshot(&self) -> Snapshot {
        let values = lock(&self.shared.distribution).values();
        values.into_iter().collect()
    }

    /// Forgets all values.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        lock(&self.shared.distribution).clear();
    }

    pub(crate) fn read(&self) -> Reading {
        Reading::Histogram(lock(&self.shared.distribution).read())
    }

    fn totals(&self) -> Totals {
        lock(&self.shared.distribution).totals()
    }
}
