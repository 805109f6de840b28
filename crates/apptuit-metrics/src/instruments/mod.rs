//! The five instruments.
//!
//! Each is a handle on shared state; a clone counts into the same state.

mod counter;
mod distribution;
mod gauge;
mod histogram;
mod meter;
mod timer;

pub use counter::Counter;
pub(crate) use distribution::Totals;
pub use gauge::Gauge;
pub use histogram::Histogram;
pub use meter::Meter;
pub use timer::{Running, Timer};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also if a thread panicked meanwhile: no state here is left half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
