//! Counts: one cell for each counter in each lane that used it.
//!
//! A cell is written by whoever leases its lane, with a plain load and store, and read by all.
//! Cells stand in chunks; small ones first, so that a program of few counters takes little.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError, atomic};

use super::{LANES, open, with};
use crate::sync::{AtomicI64, Ordering, RwLock};

/// Cells of the first chunk; each chunk is twice the one before it, up to the last size.
const FIRST: u32 = 64;
const MOST: u32 = 4096;
/// Cells at either end of a chunk that nobody uses: a pair of cache lines, which are fetched
/// together. What stands before and behind a chunk in memory may be written by other threads.
const MARGIN: u32 = 16;

type Chunk = &'static [AtomicI64];
pub(super) type Chunks = &'static [Chunk];

/// The cells of one lane.
#[derive(Debug)]
pub(super) struct Cells {
    chunks: RwLock<Chunks>,
}

/// Which cell: the same in all lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellId {
    chunk: u32,
    cell: u32,
}

thread_local! {
    /// The chunks of this thread's lane. Needs no destructor, so reading it costs one load.
    static MINE: Cell<Chunks> = const { Cell::new(&[]) };
}

/// Adds to a cell of this thread's lane.
#[inline]
pub(crate) fn add(id: CellId, n: i64) {
    match find(MINE.get(), id) {
        Some(cell) => add_to(cell, n),
        None => add_first(id, n),
    }
}

#[cold]
#[inline(never)]
fn add_first(id: CellId, n: i64) {
    with(|lane, _| {
        lane.add(id, n);
        // An ending thread has lost its place, and must not keep the chunks of a lane it returns.
        if super::place() != super::Place::NONE {
            MINE.set(lane.cells.chunks());
        }
    });
}

/// The sum of a cell over all lanes.
pub(crate) fn sum(id: CellId) -> i64 {
    LANES.sum(id)
}

/// Forgets whose chunks they are, because the lane is given back.
pub(super) fn forget() {
    MINE.set(&[]);
}

#[inline]
fn find(chunks: Chunks, id: CellId) -> Option<&'static AtomicI64> {
    chunks.get(id.chunk as usize)?.get(id.cell as usize)
}

/// There is one writer, so a load and a store lose nothing, and cost less than one locked
/// instruction. Relaxed: a count orders nothing but itself.
#[inline]
fn add_to(cell: &AtomicI64, n: i64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

/// The cells of all lanes that there were at one instant; reading many takes no further lock.
#[derive(Debug)]
pub(crate) struct Sums {
    lanes: Vec<Chunks>,
    /// How many chunks had been made before.
    made: u64,
}

/// How many chunks were ever made.
static MADE: atomic::AtomicU64 = atomic::AtomicU64::new(0);

impl Sums {
    /// Finds the chunks of some lanes.
    pub(super) fn new(find: impl FnOnce() -> Vec<Chunks>) -> Self {
        let made = MADE.load(atomic::Ordering::Acquire);
        Self { lanes: find(), made }
    }

    /// The sum of a cell over these lanes.
    pub(crate) fn of(&self, id: CellId) -> i64 {
        // What was counted before is to be seen, also if it is in a chunk made since.
        if MADE.load(atomic::Ordering::Acquire) != self.made {
            return sum(id);
        }
        let cells = self.lanes.iter().filter_map(|chunks| find(chunks, id));
        cells.fold(0, |sum, cell| sum.wrapping_add(cell.load(Ordering::Relaxed)))
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self { chunks: RwLock::new(&[]) }
    }
}

impl Cells {
    pub(super) fn chunks(&self) -> Chunks {
        *open(self.chunks.read())
    }

    pub(super) fn get(&self, id: CellId) -> i64 {
        find(self.chunks(), id).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, id: CellId, n: i64) {
        let cell = find(self.chunks(), id).unwrap_or_else(|| self.make(id));
        add_to(cell, n);
    }

    /// Makes the chunk of a cell.
    fn make(&self, id: CellId) -> &'static AtomicI64 {
        let mut chunks = open(self.chunks.write());
        let mut more = chunks.to_vec();
        more.resize(more.len().max(id.chunk as usize + 1), &[]);
        let cells = (0..cells_of(id.chunk) + 2 * MARGIN).map(|_| AtomicI64::new(0));
        let chunk: Chunk = Box::leak(cells.collect());
        more[id.chunk as usize] = chunk;
        // The list before this one may be in use by a reader, and stays: a few words a chunk.
        *chunks = Box::leak(more.into_boxed_slice());
        MADE.fetch_add(1, atomic::Ordering::Release);
        &chunk[id.cell as usize]
    }
}

/// The number of cells of a chunk that are for use.
fn cells_of(chunk: u32) -> u32 {
    MOST.min(FIRST << chunk.min(16))
}

/// Cells that no counter has, and the number of those ever made.
static IDS: Mutex<Ids> = Mutex::new(Ids { free: Vec::new(), chunk: 0, cell: MARGIN });

#[derive(Debug)]
struct Ids {
    free: Vec<CellId>,
    /// The next that was never used.
    chunk: u32,
    cell: u32,
}

fn ids() -> MutexGuard<'static, Ids> {
    IDS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CellId {
    /// A cell that nobody else has. It may have counted before.
    pub(crate) fn lease() -> Self {
        let mut ids = ids();
        if let Some(id) = ids.free.pop() {
            return id;
        }
        let id = Self { chunk: ids.chunk, cell: ids.cell };
        ids.cell += 1;
        if ids.cell == cells_of(ids.chunk) + MARGIN {
            (ids.chunk, ids.cell) = (ids.chunk + 1, MARGIN);
        }
        id
    }

    /// Hands a cell to whoever leases next; nobody may add to it any more.
    pub(crate) fn give_back(self) {
        ids().free.push(self);
    }
}
