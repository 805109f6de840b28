//! How many.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Reading;

/// A number that goes up and down.
///
/// Beyond the range of `i64` it wraps around, so that what is added and taken away again leaves no
/// trace, in whatever order.
///
/// ```
/// use apptuit_metrics::Registry;
///
/// let open = Registry::new().counter("connections.open");
/// open.inc();
/// open.inc_by(5);
/// open.dec();
/// assert_eq!(open.count(), 5);
/// ```
#[doc(alias = "UpDownCounter")]
#[doc(alias = "IntCounter")]
#[derive(Clone, Debug)]
pub struct Counter {
    // Relaxed throughout: the count orders nothing but itself.
    count: Arc<AtomicI64>,
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self { count: Arc::default() }
    }

    /// Adds one.
    #[doc(alias = "increment")]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`.
    #[doc(alias = "add")]
    pub fn inc_by(&self, n: i64) {
        self.count.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes one away.
    #[doc(alias = "decrement")]
    pub fn dec(&self) {
        self.dec_by(1);
    }

    /// Takes `n` away.
    #[doc(alias = "sub")]
    pub fn dec_by(&self, n: i64) {
        self.count.fetch_sub(n, Ordering::Relaxed);
    }

    /// The number.
    #[doc(alias = "get")]
    pub fn count(&self) -> i64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Back to zero.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.count.store(0, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Reading {
        Reading::Counter(self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_wraps_comes_back() {
        let counter = Counter::new();
        counter.inc_by(i64::MAX);
        counter.inc();
        assert_eq!(counter.count(), i64::MIN);
        counter.dec();
        assert_eq!(counter.count(), i64::MAX);
    }

    #[test]
    fn clearing_is_seen_by_every_handle() {
        let counter = Counter::new();
        let clone = counter.clone();
        counter.inc_by(3);
        clone.clear();
        assert_eq!(counter.count(), 0);
    }
}
