//! How many.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{Hold, unregistered};
use crate::Reading;
use crate::lane::{self, CellId, Sums};

/// A number that goes up and down.
///
/// Beyond the range of `i64` it wraps around, so that what is added and taken away again leaves no
/// trace, in whatever order. Counting writes to memory of the calling thread alone; reading adds up
/// what all threads wrote.
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
    cell: CellId,
    hold: Hold<Tally>,
}

/// A count kept in the lanes of threads.
#[derive(Debug)]
pub(crate) struct Tally {
    cell: CellId,
    /// What the cell had counted at the beginning: it may have belonged to another tally before.
    base: AtomicI64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let cell = CellId::lease();
        Self { cell, base: AtomicI64::new(lane::sum(cell)) }
    }

    pub(crate) fn cell(&self) -> CellId {
        self.cell
    }

    pub(crate) fn count(&self) -> i64 {
        lane::sum(self.cell).wrapping_sub(self.base.load(Ordering::Relaxed))
    }

    #[cfg(feature = "metrics-facade")]
    pub(crate) fn add(&self, n: i64) {
        lane::add(self.cell, n);
    }

    pub(crate) fn clear(&self) {
        self.base.store(lane::sum(self.cell), Ordering::Relaxed);
    }

    /// The count, of cells that were found already.
    pub(crate) fn count_in(&self, sums: &Sums) -> i64 {
        sums.of(self.cell).wrapping_sub(self.base.load(Ordering::Relaxed))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        // All handles are gone, and so are those who could add to it.
        self.cell.give_back();
    }
}

impl Counter {
    /// A counter of its own, in no registry.
    pub fn new() -> Self {
        Self::of(unregistered(Tally::new()))
    }

    pub(crate) fn of(hold: Hold<Tally>) -> Self {
        Self { cell: hold.state.cell, hold }
    }

    pub(crate) fn hold(&self) -> &Hold<Tally> {
        &self.hold
    }

    /// Adds one.
    #[doc(alias = "increment")]
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`.
    #[doc(alias = "add")]
    #[inline]
    pub fn inc_by(&self, n: i64) {
        lane::add(self.cell, n);
    }

    /// Takes one away.
    #[doc(alias = "decrement")]
    #[inline]
    pub fn dec(&self) {
        self.dec_by(1);
    }

    /// Takes `n` away.
    #[doc(alias = "sub")]
    #[inline]
    pub fn dec_by(&self, n: i64) {
        lane::add(self.cell, n.wrapping_neg());
    }

    /// The number.
    #[doc(alias = "get")]
    pub fn count(&self) -> i64 {
        self.hold.state.count()
    }

    /// What it says in a dump.
    pub fn reading(&self) -> Reading {
        Reading::Counter(self.count())
    }

    /// Back to zero.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.hold.state.clear();
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::Registry;

    #[test]
    fn a_counter_that_wraps_comes_back() {
        let counter = Registry::new().counter("wrapping");
        counter.inc_by(i64::MAX);
        counter.inc();
        assert_eq!(counter.count(), i64::MIN);
        counter.dec();
        assert_eq!(counter.count(), i64::MAX);
        counter.dec_by(i64::MIN);
        assert_eq!(counter.count(), -1);
    }

    #[test]
    fn clearing_is_seen_by_every_handle() {
        let counter = Registry::new().counter("cleared");
        let clone = counter.clone();
        counter.inc_by(3);
        clone.clear();
        assert_eq!(counter.count(), 0);
        counter.inc();
        assert_eq!(clone.count(), 1);
    }

    #[test]
    fn a_new_counter_does_not_begin_where_another_stopped() {
        for _ in 0..100 {
            let counter = Registry::new().counter("short.lived");
            assert_eq!(counter.count(), 0);
            counter.inc_by(7);
        }
    }
}
