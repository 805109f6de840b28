//! How values are spread.

use super::{Hold, unregistered};
use crate::clock::Time;
use crate::values::Values;
use crate::{Clock, Distribution, Reading, Sampling, Snapshot};

/// The spread of values: exact totals, and quantiles of a reservoir.
///
/// By default totals are those of all values since the start, and the reservoir prefers
/// [recent values](crate::ExponentiallyDecaying); a [`Sampling`](crate::Sampling) chooses others.
/// What is not a number, or infinite, is refused and [counted](Self::refused). Empty, it is zero
/// throughout.
///
/// Recording never waits for another thread, and allocates at a thread's first value alone (log-linear
/// buckets also at the first value of a magnitude). On the machine's clock up to 127 values of a thread
/// that follow a torrent of values may be dated as if they were part of it, but not beyond the next time
/// that the instrument is asked; totals do not depend on that, and on any other
/// [`Clock`](crate::Clock) every value has its own time.
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
#[derive(Clone, Debug)]
pub struct Histogram {
    hold: Hold<Values>,
}

impl Histogram {
    /// A histogram of its own, in no registry, on `clock` and with a reservoir of this kind.
    pub fn with(clock: impl Clock, sampling: &Sampling) -> Self {
        Self::of(unregistered(Values::new(Time::of(clock), sampling)))
    }

    pub(crate) fn of(hold: Hold<Values>) -> Self {
        Self { hold }
    }

    pub(crate) fn hold(&self) -> &Hold<Values> {
        &self.hold
    }

    /// Takes a value in.
    #[doc(alias = "add")]
    #[doc(alias = "update")]
    #[doc(alias = "observe")]
    #[inline]
    pub fn record(&self, value: impl Into<f64>) {
        self.hold.state.record(value.into());
    }

    /// The number of values.
    pub fn count(&self) -> u64 {
        self.hold.state.totals().count
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        self.hold.state.totals().sum
    }

    /// The least value.
    pub fn min(&self) -> f64 {
        self.hold.state.totals().min
    }

    /// The greatest value.
    pub fn max(&self) -> f64 {
        self.hold.state.totals().max
    }

    /// The mean of all values.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        self.hold.state.totals().mean()
    }

    /// The variance of all values (divided by n - 1).
    #[doc(alias = "var")]
    pub fn variance(&self) -> f64 {
        self.hold.state.totals().variance()
    }

    /// The standard deviation of all values: the root of the variance.
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        self.hold.state.totals().std_dev()
    }

    /// All of this at once, so that the numbers belong together.
    pub fn distribution(&self) -> Distribution {
        self.hold.state.read()
    }

    /// What it says in a dump.
    pub fn reading(&self) -> Reading {
        Reading::Histogram(self.distribution())
    }

    /// What the reservoir holds.
    pub fn snapshot(&self) -> Snapshot {
        self.hold.state.snapshot()
    }

    /// How many values were refused since the start: not a number, or infinite.
    pub fn refused(&self) -> u64 {
        self.hold.state.refused()
    }

    /// Forgets all values.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.hold.state.clear();
    }
}
