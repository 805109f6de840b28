//! How a registry is made.

use std::time::Duration;

use super::Registry;
use crate::clock::Time;
use crate::{Clock, Sampling};

/// Settings of a registry, begun with [`Registry::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{Registry, Sampling};
///
/// let registry = Registry::builder()
///     .sampling(Sampling::sliding_window(Duration::from_mins(5)))
///     .max_series_per_metric(2)
///     .idle_timeout(Duration::from_hours(1))
///     .build();
/// for user in ["ann", "bob", "cid", "dan"] {
///     registry.counter(("logins", [("user", user)])).inc();
/// }
/// assert_eq!(registry.counter(("logins", [("overflow", "true")])).count(), 2);
/// ```
#[must_use = "a registry is made by `build`"]
#[derive(Clone, Debug)]
pub struct RegistryBuilder {
    pub(super) time: Time,
    pub(super) sampling: Sampling,
    pub(super) cap: Option<usize>,
    pub(super) idle_timeout: Option<Duration>,
}

impl RegistryBuilder {
    pub(super) fn new() -> Self {
        Self { time: Time::System, sampling: Sampling::default(), cap: None, idle_timeout: None }
    }

    /// The clock the instruments read. Defaults to the machine's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { time: Time::of(clock), ..self }
    }

    /// The reservoir of histograms and timers that do not ask for one of their own.
    ///
    /// Defaults to [`Sampling::exponentially_decaying`].
    pub fn sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// How many series one metric may have: combinations of tags, of all kinds of instruments.
    ///
    /// Whoever asks for one more gets the instrument of the metric whose only tag is
    /// `overflow: true`, so that totals over all tags stay right, and is counted: see
    /// [`Registry::offenders`]. Defaults to no limit.
    pub fn max_series_per_metric(self, most: usize) -> Self {
        Self { cap: Some(most), ..self }
    }

    /// How long an instrument may go unused before [reports](Registry::report) leave it out.
    ///
    /// Its last numbers are reported before. If nobody has a handle it is forgotten; otherwise it
    /// comes back with its next use, and a counter goes on from where it was. A counter is unused
    /// while its count does not change, a gauge while it is not set; a gauge that reads a function
    /// is always in use. Defaults to for ever.
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        Self { idle_timeout: Some(timeout), ..self }
    }

    /// The registry, empty.
    pub fn build(self) -> Registry {
        Registry::of(self)
    }
}
