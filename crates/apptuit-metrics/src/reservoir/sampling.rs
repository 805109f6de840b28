//! Which reservoir an instrument has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{ExponentiallyDecaying, LogLinear, Reservoir, SlidingWindow};

/// Which reservoir a histogram or timer has, and whether it begins anew with each report.
///
/// | sampling | quantiles of | for |
/// | --- | --- | --- |
/// | [`exponentially_decaying`](Self::exponentially_decaying) | 1028 values, mostly of the last five minutes | the default, Coda Hale's |
/// | [`sliding_window`](Self::sliding_window) | all values of the last minutes | slow streams |
/// | [`log_linear`](Self::log_linear) | all values since the last report | busy streams, and a bounded error |
///
/// ```
/// use apptuit_metrics::{Registry, Sampling};
///
/// let registry = Registry::builder().sampling(Sampling::log_linear(0.01)).build();
/// registry.histogram("answer.bytes").record(1000);
/// let p99 = |metrics: Vec<apptuit_metrics::Metric>| {
///     metrics[0].fields().iter().find(|(field, _)| *field == "99_percentile").map(|(_, value)| *value)
/// };
/// assert!((p99(registry.report()).unwrap() - 1000.0).abs() <= 10.0);
/// // Nothing was recorded since, so there is no quantile: not a zero, and not an old one.
/// assert_eq!(p99(registry.report()), None);
/// ```
#[derive(Clone)]
pub struct Sampling {
    make: Arc<dyn Fn() -> Box<dyn Reservoir> + Send + Sync>,
    per_report: bool,
}

impl Sampling {
    /// Reservoirs that `make` makes, for all values since the start.
    pub fn of<R: Reservoir>(make: impl Fn() -> R + Send + Sync + 'static) -> Self {
        Self { make: Arc::new(move || Box::new(make())), per_report: false }
    }

    /// 1028 values in which recent ones prevail, with a decay of 0.015 a second: Coda Hale's.
    pub fn exponentially_decaying() -> Self {
        Self::of(ExponentiallyDecaying::new)
    }

    /// All values of the last `window`, but at most 65 536.
    pub fn sliding_window(window: Duration) -> Self {
        Self::of(move || SlidingWindow::new(window))
    }

    /// Counts in buckets that are at most `error` of their value off, anew with each report.
    pub fn log_linear(error: f64) -> Self {
        Self::of(move || LogLinear::new(error)).per_report()
    }

    /// The same, but begun anew with each report: count, sum, extremes and quantiles are those of
    /// the values since the one before.
    #[must_use]
    pub fn per_report(self) -> Self {
        Self { per_report: true, ..self }
    }

    /// The same, but never begun anew: count, sum and extremes are those of all values.
    #[must_use]
    pub fn since_start(self) -> Self {
        Self { per_report: false, ..self }
    }

    pub(crate) fn make(&self) -> Box<dyn Reservoir> {
        (self.make)()
    }

    pub(crate) fn is_per_report(&self) -> bool {
        self.per_report
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self::exponentially_decaying()
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampling").field("per_report", &self.per_report).finish_non_exhaustive()
    }
}
