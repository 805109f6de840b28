//! The five instruments.
//!
//! Each is a handle on shared state; a clone records into the same state.

mod counter;
mod gauge;
mod histogram;
mod meter;
mod timer;

pub use counter::Counter;
pub(crate) use counter::Tally;
pub use gauge::Gauge;
pub(crate) use gauge::Source;
pub use histogram::Histogram;
pub use meter::Meter;
pub(crate) use meter::Pace;
pub(crate) use timer::Durations;
pub use timer::{Running, Start, Timer};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apptuit_model::TimeSeriesName;

/// Locks, also if a thread panicked meanwhile: no state here is left half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs foreign code; if it panics, says what with, if that is text.
///
/// Nothing of ours may be half changed meanwhile.
pub(crate) fn isolate<R>(work: impl FnOnce() -> R) -> Result<R, Option<String>> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = text.or_else(|| panic.downcast_ref::<String>().cloned());
        // What was panicked with is foreign too, and might panic once more when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
        message
    })
}

/// The state of an instrument, and where it is registered.
#[derive(Debug)]
pub(crate) struct Registered<S> {
    pub(crate) name: TimeSeriesName,
    /// How many instruments the registry made before this one.
    pub(crate) number: u64,
    /// Whether it was removed, so that nobody reports it any more.
    removed: AtomicBool,
    pub(crate) state: S,
}

impl<S> Registered<S> {
    pub(crate) fn new(name: TimeSeriesName, number: u64, state: S) -> Self {
        Self { name, number, removed: AtomicBool::new(false), state }
    }

    pub(crate) fn remove(&self) {
        self.removed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Relaxed)
    }
}

/// A handle's share of an instrument's state.
///
/// The outer count of references belongs to one thread's lookups, see the registry's cache: handles
/// come and go without writing to memory that other threads write to.
pub(crate) type Hold<S> = Arc<Arc<Registered<S>>>;

/// A state that is in no registry.
pub(crate) fn unregistered<S>(state: S) -> Hold<S> {
    Arc::new(Arc::new(Registered::new(TimeSeriesName::from(""), 0, state)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_a_panic_poisoned_still_opens() {
        let mutex = Mutex::new(1);
        let panicking = std::panic::AssertUnwindSafe(|| {
            let _guard = lock(&mutex);
            panic!("expected by the test");
        });
        assert!(std::panic::catch_unwind(panicking).is_err());
        assert!(mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 1);
    }
}
