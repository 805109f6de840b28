//! How much right now.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Reading;

/// A value of this moment, set or read from a function.
///
/// Until it is set it is not a number, and is not reported.
///
/// ```
/// use apptuit_metrics::Registry;
///
/// let registry = Registry::new();
/// let celsius = registry.gauge("room.celsius");
/// assert!(celsius.value().is_nan());
/// celsius.set(21.5);
/// assert_eq!(celsius.value(), 21.5);
///
/// registry.gauge_fn("queue.depth", || 7.0);
/// assert_eq!(registry.gauge("queue.depth").value(), 7.0);
/// ```
#[doc(alias = "SimpleGauge")]
#[doc(alias = "CallbackGauge")]
#[derive(Clone)]
pub struct Gauge {
    source: Arc<Source>,
}

enum Source {
    /// The bits of an `f64`.
    Set(AtomicU64),
    Read(Box<dyn Fn() -> f64 + Send + Sync>),
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self { source: Arc::new(Source::Set(AtomicU64::new(f64::NAN.to_bits()))) }
    }

    pub(crate) fn reading(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(Source::Read(Box::new(read))) }
    }

    /// Sets the value; a gauge that reads a function is not changed.
    #[doc(alias = "set_value")]
    #[doc(alias = "update")]
    pub fn set(&self, value: f64) {
        if let Source::Set(bits) = &*self.source {
            bits.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// The value, not a number if it was never set.
    ///
    /// # Panics
    ///
    /// If it reads a function that panics.
    #[doc(alias = "get")]
    pub fn value(&self) -> f64 {
        match &*self.source {
            Source::Set(bits) => f64::from_bits(bits.load(Ordering::Relaxed)),
            Source::Read(read) => read(),
        }
    }

    /// The value, or why the function could not be asked.
    pub(crate) fn read(&self) -> Reading {
        // Nothing of ours is changed while the function runs, so nothing can be left half changed.
        match catch_unwind(AssertUnwindSafe(|| self.value())) {
            Ok(value) => Reading::Gauge(value),
            Err(panic) => Reading::Failed(panic_reason(&*panic)),
        }
    }
}

impl fmt::Debug for Gauge {
    /// Does not call the function.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.source {
            Source::Set(_) => f.debug_struct("Gauge").field("value", &self.value()).finish(),
            Source::Read(_) => f.debug_struct("Gauge").finish_non_exhaustive(),
        }
    }
}

fn panic_reason(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    match message {
        Some(message) => format!("the gauge's function panicked: `{message}`"),
        None => "the gauge's function panicked".to_owned(),
    }
}
