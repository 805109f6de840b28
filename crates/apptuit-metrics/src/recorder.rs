//! Values on their way from the thread that records them to whoever reads.
//!
//! A recorder belongs to one lane, so it has one writer at a time: its *owner*. The owner pushes
//! values into a ring: a store, and no lock. When the ring is full the owner *folds* it into totals,
//! which only the owner writes. A reader adds up totals and ring, and takes what is in the ring
//! away, so that quantiles know it. Owner and reader never wait for each other but for this: a
//! reader that comes in the middle of a fold waits for its end.
//!
//! Three things make this exact:
//!
//! * A value in the ring is taken once. Whoever takes moves `tail` by a compare-and-swap: the owner
//!   in a fold, or a reader. The owner overwrites a slot only after it was taken.
//! * A fold is invisible or complete. `turn` is odd during a fold; a reader that finds it odd, or
//!   changed by the end of its own reading, reads again (a sequence lock).
//! * Each value counts in one interval. Owners fold into totals of the current `interval`. To end
//!   an interval a reader first raises its number and then reads every recorder. Either the owner's
//!   fold saw the new number, or the reader sees the fold under way and waits for it: both sides
//!   write, then fence, then read what the other wrote. Two sets of totals take turns, so the old
//!   one stays as it is until the interval after the next.

use crate::clock::Ticks;
use crate::sync::{AtomicU64, Ordering, fence, spin};
use crate::totals::Totals;

/// Values a recorder holds before they are folded.
pub(crate) const RING: usize = if cfg!(loom) { 2 } else { 128 };

/// The values that one lane recorded into one instrument.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Recorder {
    /// Values ever pushed. Written by the owner.
    head: AtomicU64,
    /// Where the owner looks up from its work: the ring is full, or the clock is to be read. A reader
    /// moves it back, so that the owner dates its next value; nobody moves it beyond the ring.
    stop: AtomicU64,
    /// When the values in the ring were recorded.
    at: AtomicU64,
    /// When the owner last read the clock; and how many values later it will again.
    looked: AtomicU64,
    stride: AtomicU64,
    /// Odd while the owner folds.
    turn: AtomicU64,
    /// Values ever taken from the ring.
    tail: AtomicU64,
    sets: [Set; 2],
    /// The bits of the values.
    ring: [AtomicU64; RING],
}

/// The totals of one interval, each word on its own.
#[derive(Debug, Default)]
struct Set {
    interval: AtomicU64,
    count: AtomicU64,
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    center: AtomicU64,
    squares: AtomicU64,
}

/// Values taken from a ring, of about one instant.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    values: [f64; RING],
    len: usize,
    /// When they were recorded.
    pub(crate) at: Ticks,
}

impl Batch {
    pub(crate) fn values(&self) -> &[f64] {
        self.values.get(..self.len).unwrap_or_default()
    }
}

/// What a recorder had for a reader.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What was folded in the interval.
    pub(crate) folded: Totals,
    /// What was in the ring; the reader has to keep it.
    pub(crate) batch: Batch,
    /// When the owner last recorded; `None` before the first value.
    pub(crate) last: Option<Ticks>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let word = || AtomicU64::new(0);
        Self {
            head: word(),
            stop: word(),
            at: word(),
            looked: word(),
            stride: AtomicU64::new(1),
            turn: word(),
            tail: word(),
            sets: [Set::default(), Set::default()],
            ring: std::array::from_fn(|_| word()),
        }
    }

    // ---- The owner's side.

    /// Puts a value into the ring, unless there is something to attend to first. Owner only.
    #[inline]
    pub(crate) fn push(&self, value: f64) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        if head >= self.stop.load(Ordering::Relaxed) {
            return false;
        }
        self.put(head, value);
        true
    }

    /// The same for a value of the instant `now`, which must not be put among values of another.
    #[inline]
    pub(crate) fn push_at(&self, value: f64, now: Ticks, tolerance: Ticks) -> bool {
        let same = now.wrapping_sub(self.at.load(Ordering::Relaxed)) <= tolerance;
        same && self.push(value)
    }

    #[inline]
    fn put(&self, head: u64, value: f64) {
        self.slot(head).store(value.to_bits(), Ordering::Relaxed);
        // Releases the value to readers.
        self.head.store(head + 1, Ordering::Release);
    }

    /// Puts a value of the instant `now` into the ring, after folding what is there if it is full or
    /// of another instant. The ring then takes `stride` values before it has to be attended to
    /// again. Owner only.
    pub(crate) fn attend(
        &self,
        value: f64,
        now: Ticks,
        tolerance: Ticks,
        stride: u64,
        fold: impl FnOnce(&Self),
    ) {
        let pending = self.head.load(Ordering::Relaxed) - self.tail.load(Ordering::Acquire);
        let other = now.wrapping_sub(self.at.load(Ordering::Relaxed)) > tolerance;
        if pending == RING as u64 || (other && pending > 0) {
            fold(self);
        }
        if other {
            self.at.store(now, Ordering::Relaxed);
        }
        self.looked.store(now, Ordering::Relaxed);
        self.stride.store(stride, Ordering::Relaxed);
        let head = self.head.load(Ordering::Relaxed);
        let room = self.tail.load(Ordering::Acquire) + RING as u64;
        self.stop.store(room.min(head + stride), Ordering::Relaxed);
        self.put(head, value);
    }

    /// Whether this is called from within a fold, by what it shows the values to. Owner only.
    pub(crate) fn is_folding(&self) -> bool {
        self.turn.load(Ordering::Relaxed) & 1 == 1
    }

    /// When the owner last read the clock, and its stride since. Owner only.
    pub(crate) fn pace(&self) -> (Ticks, u64) {
        (self.looked.load(Ordering::Relaxed), self.stride.load(Ordering::Relaxed))
    }

    /// Takes what is in the ring into the totals of the current interval, and shows it to `see`
    /// together with that interval's number. Owner only.
    pub(crate) fn fold(&self, interval: &AtomicU64, see: impl FnOnce(u64, &Batch)) {
        let turn = self.turn.load(Ordering::Relaxed);
        // Even again also if `see` panics; else readers would wait for ever.
        let _under_way = UnderWay { turn: &self.turn, next: turn + 2 };
        self.turn.store(turn + 1, Ordering::Relaxed);
        // Before anything of the fold is visible, and before the number of the interval is read.
        fence(Ordering::SeqCst);
        let interval = interval.load(Ordering::Relaxed);
        let head = self.head.load(Ordering::Relaxed);
        loop {
            let tail = self.tail.load(Ordering::Acquire);
            let batch = self.copy(tail, head);
            if self.take(tail, head) {
                if batch.len > 0 {
                    let totals = Totals::of(batch.values());
                    self.sets[(interval & 1) as usize].add(interval, &totals);
                    see(interval, &batch);
                }
                return;
            }
        }
    }

    // ---- The reader's side. One reader at a time.

    /// What was recorded in `interval`, which is the current one or the one before it.
    pub(crate) fn read(&self, interval: u64) -> Taken {
        let mut turns = 0;
        loop {
            spin_after(&mut turns);
            let turn = self.turn.load(Ordering::Acquire);
            if turn & 1 == 1 {
                continue;
            }
            let tail = self.tail.load(Ordering::Relaxed);
            let head = self.head.load(Ordering::Acquire);
            let batch = self.copy(tail, head);
            let folded = self.sets[(interval & 1) as usize].read(interval);
            // What was read above is read before `turn` is looked at again.
            fence(Ordering::Acquire);
            if self.turn.load(Ordering::Relaxed) == turn && self.take(tail, head) {
                let last = (head > 0).then(|| self.looked.load(Ordering::Relaxed));
                self.stop.store(0, Ordering::Relaxed);
                return Taken { folded, batch, last };
            }
        }
    }

    #[inline]
    fn slot(&self, place: u64) -> &AtomicU64 {
        #[expect(clippy::cast_possible_truncation, reason = "below the size of the ring")]
        let at = (place % RING as u64) as usize;
        &self.ring[at]
    }

    /// How many values were ever recorded.
    pub(crate) fn recorded(&self) -> u64 {
        self.head.load(Ordering::Relaxed)
    }

    /// The values between two places of the ring.
    fn copy(&self, tail: u64, head: u64) -> Batch {
        #[expect(clippy::cast_possible_truncation, reason = "at most the size of the ring")]
        let len = (head - tail).min(RING as u64) as usize;
        let at = self.at.load(Ordering::Relaxed);
        // What stands beyond the last of them is copied, too: that costs less than a decision.
        let bits = |n: usize| self.slot(tail + n as u64).load(Ordering::Relaxed);
        Batch { values: std::array::from_fn(|n| f64::from_bits(bits(n))), len, at }
    }

    /// Whether what is between two places was still there, and now is whose who asks.
    fn take(&self, tail: u64, head: u64) -> bool {
        self.tail.compare_exchange(tail, head, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

fn spin_after(turns: &mut u32) {
    if *turns > 0 {
        spin(*turns);
    }
    *turns += 1;
}

struct UnderWay<'a> {
    turn: &'a AtomicU64,
    next: u64,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        // Releases the fold to readers.
        self.turn.store(self.next, Ordering::Release);
    }
}

impl Set {
    fn add(&self, interval: u64, more: &Totals) {
        let mut totals = self.read(interval);
        totals.merge(more);
        self.interval.store(interval, Ordering::Relaxed);
        self.count.store(totals.count, Ordering::Relaxed);
        self.sum.store(totals.sum.to_bits(), Ordering::Relaxed);
        self.min.store(totals.min.to_bits(), Ordering::Relaxed);
        self.max.store(totals.max.to_bits(), Ordering::Relaxed);
        self.center.store(totals.center.to_bits(), Ordering::Relaxed);
        self.squares.store(totals.squares.to_bits(), Ordering::Relaxed);
    }

    /// The totals, if they are of this interval.
    fn read(&self, interval: u64) -> Totals {
        if self.interval.load(Ordering::Relaxed) != interval {
            return Totals::default();
        }
        let float = |word: &AtomicU64| f64::from_bits(word.load(Ordering::Relaxed));
        Totals {
            count: self.count.load(Ordering::Relaxed),
            sum: float(&self.sum),
            min: float(&self.min),
            max: float(&self.max),
            center: float(&self.center),
            squares: float(&self.squares),
        }
    }
}
