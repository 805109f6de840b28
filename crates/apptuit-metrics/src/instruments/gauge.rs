//! How much right now.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Hold, isolate};
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
    hold: Hold<Source>,
}

/// Where a gauge's value comes from.
pub(crate) enum Source {
    Set {
        /// The bits of an `f64`.
        bits: AtomicU64,
        /// How often it was set; of several threads that set it at once, one may be missing.
        sets: AtomicU64,
    },
    Read(Box<dyn Fn() -> f64 + Send + Sync>),
}

impl Source {
    /// A value that was never set.
    pub(crate) fn unset() -> Self {
        Self::Set { bits: AtomicU64::new(f64::NAN.to_bits()), sets: AtomicU64::new(0) }
    }

    /// What `read` returns.
    pub(crate) fn reading(read: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self::Read(Box::new(read))
    }

    #[inline]
    pub(crate) fn set(&self, value: f64) {
        if let Self::Set { bits, sets } = self {
            bits.store(value.to_bits(), Ordering::Relaxed);
            sets.store(sets.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    pub(crate) fn add(&self, by: f64) {
        if let Self::Set { bits, sets } = self {
            let sum = |bits| {
                let value = f64::from_bits(bits);
                Some((if value.is_nan() { by } else { value + by }).to_bits())
            };
            // Never an error, because there always is a sum.
            let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
            sets.store(sets.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    fn value(&self) -> f64 {
        match self {
            Self::Set { bits, .. } => f64::from_bits(bits.load(Ordering::Relaxed)),
            Self::Read(read) => read(),
        }
    }

    /// Something that changes when it is set; `None` of a function, which may always say something new.
    pub(crate) fn activity(&self) -> Option<u64> {
        match self {
            Self::Set { sets, .. } => Some(sets.load(Ordering::Relaxed)),
            Self::Read(_) => None,
        }
    }

    /// The value, or why the function could not be asked.
    pub(crate) fn read(&self) -> Reading {
        match isolate(|| self.value()) {
            Ok(value) => Reading::Gauge(value),
            Err(Some(message)) => {
                Reading::Failed(format!("the gauge's function panicked: `{message}`"))
            }
            Err(None) => Reading::Failed("the gauge's function panicked".to_owned()),
        }
    }
}

impl Gauge {
    pub(crate) fn of(hold: Hold<Source>) -> Self {
        Self { hold }
    }

    pub(crate) fn hold(&self) -> &Hold<Source> {
        &self.hold
    }

    /// Sets the value; a gauge that reads a function is not changed.
    #[doc(alias = "set_value")]
    #[doc(alias = "update")]
    #[inline]
    pub fn set(&self, value: f64) {
        self.hold.state.set(value);
    }

    /// Adds to the value, to zero if it was never set; a gauge that reads a function is not changed.
    #[doc(alias = "inc_by")]
    pub fn add(&self, by: f64) {
        self.hold.state.add(by);
    }

    /// The value, not a number if it was never set.
    ///
    /// # Panics
    ///
    /// If it reads a function that panics.
    #[doc(alias = "get")]
    pub fn value(&self) -> f64 {
        self.hold.state.value()
    }
}

impl fmt::Debug for Gauge {
    /// Does not call the function.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hold.state {
            Source::Set { .. } => f.debug_struct("Gauge").field("value", &self.value()).finish(),
            Source::Read(_) => f.debug_struct("Gauge").finish_non_exhaustive(),
        }
    }
}
