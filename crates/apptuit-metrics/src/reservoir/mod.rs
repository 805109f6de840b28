//! Samples of bounded size from streams without end.

mod exponentially_decaying;
mod log_linear;
mod ranked;
mod sampling;
mod sliding_window;

pub use exponentially_decaying::ExponentiallyDecaying;
pub use log_linear::LogLinear;
pub use sampling::Sampling;
pub use sliding_window::SlidingWindow;

use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use crate::Snapshot;

/// A sample of the values of a stream, which many threads offer to and one at a time reads.
///
/// Times are those of one [`Clock`](crate::Clock). An instrument offers batches of up to a few
/// dozen values of about one instant, from the thread that records them: an implementation should
/// rather leave a batch out than make that thread wait. (Count, sum and extremes are not its task:
/// the instrument has them, exactly.) If it panics, that is counted as a value
/// [refused](crate::Metric::refused), and quantiles it was asked for are missing. Name yours in a
/// [`Sampling`] to have instruments use it.
///
/// ```
/// use std::sync::Mutex;
/// use std::time::Duration;
///
/// use apptuit_metrics::{Registry, Reservoir, Sampling, Snapshot};
///
/// /// The last value alone.
/// #[derive(Debug, Default)]
/// struct Last(Mutex<Option<f64>>);
///
/// impl Reservoir for Last {
///     fn offer(&self, values: &[f64], _: Duration) {
///         if let Ok(mut last) = self.0.try_lock() {
///             *last = values.last().copied();
///         }
///     }
///
///     fn snapshot(&self, _: Duration) -> Snapshot {
///         self.0.lock().map(|last| last.iter().copied().collect()).unwrap_or_default()
///     }
///
///     fn clear(&self) {
///         self.0.lock().map(|mut last| *last = None).ok();
///     }
/// }
///
/// let sizes = Registry::new().histogram_with("sizes", &Sampling::of(Last::default));
/// sizes.record(3);
/// sizes.record(4);
/// assert_eq!((sizes.snapshot().median(), sizes.mean()), (4.0, 3.5));
/// ```
#[doc(alias = "Sample")]
pub trait Reservoir: Debug + Send + Sync + 'static {
    /// Told when a thread is about to offer for the first time: what memory it needs, it should ask
    /// for here rather than while values are offered.
    fn prepare(&self) {}

    /// Offers values, which are finite, recorded at about the instant `at`.
    fn offer(&self, values: &[f64], at: Duration);

    /// What it holds at `now`.
    fn snapshot(&self, now: Duration) -> Snapshot;

    /// Replaces shares, which ascend, by the quantiles of what it holds at `now`.
    ///
    /// As a snapshot's, but it may be faster than to sort all values.
    fn quantiles(&self, now: Duration, shares: &mut [f64]) {
        let snapshot = self.snapshot(now);
        for share in shares {
            *share = snapshot.quantile(*share);
        }
    }

    /// Forgets all values.
    fn clear(&self);
}

/// Locks for a thread that records: it tries for about a microsecond, and then goes on without.
///
/// Whoever holds one of these locks needs less than that, unless it lost its core meanwhile.
fn lock_briefly<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    for _ in 0..200 {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
        }
    }
    None
}
