//! Tests of what a program records.
//!
//! A [`Recorder`] is a registry on a clock that stands still. Hand its registry to the code under
//! test, or run that code in [`scope`](Recorder::scope) if it records into the global one; then ask
//! what was [`recorded`](Recorder::recorded):
//!
//! ```
//! use std::time::Duration;
//!
//! use apptuit_metrics::testing::Recorder;
//! use apptuit_metrics::{counter, timer};
//!
//! fn accept_order(city: &str) {
//!     counter!("orders", "city" => city).inc();
//!     timer!("orders.latency").record(Duration::from_millis(20));
//! }
//!
//! let recorder = Recorder::new();
//! recorder.scope(|| accept_order("blr"));
//!
//! let recorded = recorder.recorded();
//! assert_eq!(recorded.counter(("orders", [("city", "blr")])), 1);
//! assert_eq!(recorded.timer("orders.latency").sum, 0.02);
//! recorded.assert_none("orders.refused");
//! ```
//!
//! A test that expects an instrument that is not there fails with a list of those that are:
//!
//! ```should_panic
//! # let recorder = apptuit_metrics::testing::Recorder::new();
//! # recorder.registry().counter(("orders", [("city", "del")])).inc();
//! // no counter `orders{city:blr}`; there are: counter `orders{city:del}` = 1
//! recorder.recorded().counter(("orders", [("city", "blr")]));
//! ```
//!
//! A scope holds in its own thread, so that tests of one process do not meet, however many run at
//! once. A thread that the code under test starts needs a scope of its own.

mod recorded;
pub(crate) mod scope;

pub use recorded::Recorded;

use crate::{ManualClock, Registry, RegistryBuilder};

/// A registry on a clock that stands still until it is told to move.
///
/// A clone is the same registry on the same clock.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::testing::Recorder;
///
/// let recorder = Recorder::new();
/// let requests = recorder.registry().meter("http.requests");
/// requests.mark_n(30);
/// recorder.clock().advance(Duration::from_secs(10));
/// assert_eq!(requests.mean_rate(), 3.0);
/// ```
#[doc(alias = "DebuggingRecorder")]
#[doc(alias = "MockClock")]
#[derive(Clone, Debug)]
pub struct Recorder {
    registry: Registry,
    clock: ManualClock,
}

impl Recorder {
    /// An empty registry, on a clock at zero.
    pub fn new() -> Self {
        Self::with(Registry::builder())
    }

    /// An empty registry of these settings, on a clock at zero.
    pub fn with(settings: RegistryBuilder) -> Self {
        let clock = ManualClock::new();
        Self { registry: settings.clock(clock.clone()).build(), clock }
    }

    /// The registry, to be handed to the code under test.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The clock that the instruments read.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Runs `work` with this registry as the global one: see [`scoped`].
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        scoped(&self.registry, work)
    }

    /// What is recorded by now.
    pub fn recorded(&self) -> Recorded {
        Recorded::of(&self.registry)
    }

    /// What `work` adds to what was recorded before, run with this registry as the global one.
    ///
    /// See [`Recorded::since`].
    ///
    /// ```
    /// use apptuit_metrics::{counter, testing::Recorder};
    ///
    /// let recorder = Recorder::new();
    /// let accept = || counter!("orders").inc();
    /// recorder.scope(accept);
    /// let added = recorder.change(|| (0..3).for_each(|_| accept()));
    /// assert_eq!((added.counter("orders"), recorder.recorded().counter("orders")), (3, 4));
    /// ```
    pub fn change(&self, work: impl FnOnce()) -> Recorded {
        let before = self.recorded();
        self.scope(work);
        self.recorded().since(&before)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs `work` with `registry` as the [`global`](crate::global) one of this thread.
///
/// Scopes nest. The one before is back when `work` returns, and also when it panics. Threads that
/// `work` starts are not in the scope.
///
/// For tests: a handle on `registry` is leaked each time, because a global registry can be kept for
/// ever.
///
/// ```
/// use apptuit_metrics::{Registry, global, testing};
///
/// let registry = Registry::new();
/// testing::scoped(&registry, || global().counter("orders").inc());
/// assert_eq!(registry.counter("orders").count(), 1);
/// assert!(global().is_empty());
/// ```
pub fn scoped<R>(registry: &Registry, work: impl FnOnce() -> R) -> R {
    let _scope = scope::enter(registry);
    work()
}
