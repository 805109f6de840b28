//! Samples of bounded size from streams without end.

mod exponentially_decaying;

pub use exponentially_decaying::ExponentiallyDecaying;

use std::fmt::Debug;
use std::time::Duration;

use crate::Snapshot;

/// A sample of the values of a stream.
///
/// Times are those of one [`Clock`](crate::Clock).
#[doc(alias = "Sample")]
pub trait Reservoir: Debug + Send {
    /// Offers a value, which is a number.
    fn record(&mut self, value: f64, now: Duration);

    /// The values it holds, in any order.
    fn values(&self) -> Vec<f64>;

    /// Forgets all values.
    fn clear(&mut self);

    /// The values it holds, sorted.
    fn snapshot(&self) -> Snapshot {
        self.values().into_iter().collect()
    }
}
