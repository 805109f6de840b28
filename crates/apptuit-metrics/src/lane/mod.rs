//! One lane a thread: where it records without sharing a cache line, and without a lock.
//!
//! A thread leases a lane at its first use of any instrument and gives it back when it ends; the
//! next thread goes on where it stopped. So there are as many lanes as threads were ever alive at
//! once, a lane has one writer at a time, and what was recorded is the sum over all lanes. Giving
//! back and leasing go through a lock, which makes the writes of one tenant visible to the next.

mod cells;
mod ending;
mod per_lane;

pub(crate) use cells::{CellId, Sums, add, sum};
pub(crate) use ending::{Held, giving, hold};
pub(crate) use per_lane::PerLane;

use std::cell::Cell;
use std::sync::LazyLock;

use crate::sync::{Mutex, RwLock};
use cells::Cells;

/// All lanes of the process.
pub(crate) static LANES: LazyLock<Lanes> = LazyLock::new(Lanes::default);

/// Lanes, and which of them no thread has.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    all: RwLock<Vec<&'static Lane>>,
    free: Mutex<Vec<&'static Lane>>,
}

/// What belongs to one thread at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    place: Place,
    cells: Cells,
}

/// Which lane: where a [`PerLane`] keeps what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    shelf: u32,
    slot: u32,
}

impl Lanes {
    /// A lane that nobody else has until it is given back.
    pub(crate) fn lease(&self) -> &'static Lane {
        if let Some(lane) = open(self.free.lock()).pop() {
            return lane;
        }
        let mut all = open(self.all.write());
        // Lanes live as long as the process, because any thread may hold on to a reference. Their
        // number is bounded by that of threads alive at once.
        let lane = Lane { place: Place::of(all.len()), cells: Cells::default() };
        let lane: &'static Lane = Box::leak(Box::new(lane));
        all.push(lane);
        lane
    }

    /// Hands a lane to whoever leases next.
    pub(crate) fn give_back(&self, lane: &'static Lane) {
        open(self.free.lock()).push(lane);
    }

    /// The cells of all lanes, to add them up.
    pub(crate) fn sums(&self) -> Sums {
        Sums::new(|| open(self.all.read()).iter().map(|lane| lane.cells.chunks()).collect())
    }

    /// The sum of one cell over all lanes.
    pub(crate) fn sum(&self, id: CellId) -> i64 {
        let lanes = open(self.all.read());
        lanes.iter().fold(0, |sum, lane| sum.wrapping_add(lane.cells.get(id)))
    }
}

impl Lane {
    /// Adds to a cell; only for whoever leases this lane.
    pub(crate) fn add(&self, id: CellId, n: i64) {
        self.cells.add(id, n);
    }
}

/// Locks, also if a thread panicked meanwhile: no state here is left half changed.
pub(crate) fn open<G>(locked: Result<G, std::sync::PoisonError<G>>) -> G {
    locked.unwrap_or_else(std::sync::PoisonError::into_inner)
}

thread_local! {
    /// The place of this thread's lane. Needs no destructor, so reading it costs one load.
    static PLACE: Cell<Place> = const { Cell::new(Place::NONE) };
    /// Gives the lane back when the thread ends.
    static LEASE: Lease = Lease(LANES.lease());
}

struct Lease(&'static Lane);

impl Drop for Lease {
    fn drop(&mut self) {
        let _giving = giving();
        PLACE.set(Place::NONE);
        cells::forget();
        LANES.give_back(self.0);
    }
}

/// The place of this thread's lane; [`Place::NONE`] while it has none.
#[inline]
pub(crate) fn place() -> Place {
    PLACE.get()
}

/// Does something with this thread's lane, leasing it first if need be.
///
/// While a thread ends it has none any more; then one is leased for this call.
#[cold]
#[inline(never)]
pub(crate) fn with<R>(work: impl FnOnce(&'static Lane, Place) -> R) -> R {
    if let Ok(lane) = LEASE.try_with(|lease| lease.0) {
        PLACE.set(lane.place);
        return work(lane, lane.place);
    }
    let _giving = giving();
    let lane = LANES.lease();
    let result = work(lane, lane.place);
    LANES.give_back(lane);
    result
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn threads_that_come_after_one_another_share_a_few_lanes() {
        let counter = crate::Registry::new().counter("c");
        let lanes = || open(LANES.all.read()).len();
        let before = lanes();
        for _ in 0..1000 {
            let counter = counter.clone();
            std::thread::spawn(move || counter.inc()).join().expect("counting does not panic");
        }
        assert_eq!(counter.count(), 1000);
        // Other tests of this process may need some meanwhile.
        assert!(lanes() - before < 100, "{} lanes more", lanes() - before);
    }
}
