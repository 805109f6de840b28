//! What a histogram and a timer do with values: exact totals of all, and a reservoir for quantiles.

use std::sync::Mutex;
use std::time::Duration;

use crate::clock::{Ticks, Time};
use crate::instruments::{isolate, lock};
use crate::lane::{self, PerLane};
use crate::recorder::{RING, Recorder};
use crate::reservoir::{Reservoir, Sampling};
use crate::sync::{AtomicU64, Ordering};
use crate::totals::Totals;
use crate::{Distribution, Snapshot};

/// Where values are few, the clock is read for each of them; in a torrent, once in so many.
const LONGEST_STRIDE: u64 = RING as u64;
/// Values are a torrent if those since the clock was last read took less than this: about 1 ms.
const TORRENT: Ticks = 1 << 21;

/// Values recorded by many threads, without a lock, and read by one at a time.
#[derive(Debug)]
pub(crate) struct Values {
    time: Time,
    recorders: PerLane<Recorder>,
    /// The number of the interval that values count in. A new one begins when all is forgotten.
    interval: AtomicU64,
    /// One, or two that take turns from interval to interval.
    reservoirs: Box<[Box<dyn Reservoir>]>,
    /// Totals of what readers took from the recorders in this interval. Only readers lock it.
    taken: Mutex<Totals>,
    refused: AtomicU64,
}

impl Values {
    pub(crate) fn new(time: Time, sampling: &Sampling) -> Self {
        let reservoirs = (0..if sampling.is_per_report() { 2 } else { 1 }).map(|_| sampling.make());
        Self {
            time,
            recorders: PerLane::new(),
            interval: AtomicU64::new(0),
            reservoirs: reservoirs.collect(),
            taken: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    /// Takes in a value of now.
    #[inline]
    pub(crate) fn record(&self, value: f64) {
        if !value.is_finite() {
            return self.refuse();
        }
        match self.recorders.get(lane::place()) {
            Some(recorder) if recorder.push(value) => {}
            _ => self.attend(value),
        }
    }

    /// Takes in a value of the instant `now`.
    #[inline]
    pub(crate) fn record_at(&self, value: f64, now: Ticks) {
        match self.recorders.get(lane::place()) {
            Some(recorder) if recorder.push_at(value, now, self.time.tolerance()) => {}
            _ => self.with_recorder(value, now, |_| RING as u64),
        }
    }

    /// Counts a value that is none.
    #[cold]
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    #[inline(never)]
    fn attend(&self, value: f64) {
        let now = self.time.ticks();
        let exact = self.time.tolerance() == 0;
        self.with_recorder(value, now, |recorder| {
            let (looked, stride) = recorder.pace();
            let torrent = !exact && now.wrapping_sub(looked) < TORRENT;
            if torrent { LONGEST_STRIDE.min(stride * 2) } else { 1 }
        });
    }

    /// Hands a value to this thread's recorder, which needs attention or is to be made.
    #[inline(never)]
    fn with_recorder(&self, value: f64, now: Ticks, stride: impl Fn(&Recorder) -> u64) {
        let attend = |recorder: &Recorder| {
            // A reservoir records into the instrument that offers to it.
            if recorder.is_folding() {
                return self.refuse();
            }
            recorder.attend(value, now, self.time.tolerance(), stride(recorder), |recorder| {
                recorder.fold(&self.interval, |interval, batch| {
                    self.offer(interval, batch.values(), batch.at);
                });
            });
        };
        if let Some(recorder) = self.recorders.get(lane::place()) {
            return attend(recorder);
        }
        let make = || {
            self.prepare();
            Recorder::new()
        };
        lane::with(|_, place| match self.recorders.get_or_make(place, make) {
            Some(recorder) => attend(recorder),
            // More threads than places.
            None => self.keep(&mut lock(&self.taken), &[value], now),
        });
    }

    /// Has the reservoirs ask for the memory they need.
    fn prepare(&self) {
        for turn in 0..self.reservoirs.len() as u64 {
            self.ask(turn, Reservoir::prepare);
        }
    }

    /// Offers values to the reservoir of an interval.
    fn offer(&self, interval: u64, values: &[f64], at: Ticks) {
        let at = self.time.since_origin(at);
        self.ask(interval, |reservoir| reservoir.offer(values, at));
    }

    /// Asks the reservoir of an interval, which may be foreign code, for something.
    ///
    /// One that panics loses its sample, and neither a total nor the thread that asks.
    fn ask<R>(&self, interval: u64, ask: impl FnOnce(&dyn Reservoir) -> R) -> Option<R> {
        let answer = isolate(|| ask(self.reservoir(interval))).ok();
        if answer.is_none() {
            self.refuse();
        }
        answer
    }

    /// Keeps values that were taken from a recorder.
    fn keep(&self, taken: &mut Totals, values: &[f64], at: Ticks) {
        taken.merge(&Totals::of(values));
        self.offer(self.interval.load(Ordering::Relaxed), values, at);
    }

    /// All values of an interval, and when the last was recorded.
    fn drain(&self, taken: &mut Totals, interval: u64) -> (Totals, Option<Ticks>) {
        let (mut folded, mut last) = (Totals::default(), None);
        for recorder in self.recorders.iter() {
            let part = recorder.read(interval);
            folded.merge(&part.folded);
            last = last.max(part.last);
            let values = part.batch.values();
            if !values.is_empty() {
                taken.merge(&Totals::of(values));
                self.offer(interval, values, part.batch.at);
            }
        }
        folded.merge(taken);
        (folded, last)
    }

    /// How many values were ever recorded, whatever was forgotten meanwhile.
    pub(crate) fn activity(&self) -> u64 {
        self.recorders.iter().fold(0, |sum, recorder| sum.wrapping_add(recorder.recorded()))
    }

    /// The totals of the current interval.
    pub(crate) fn totals(&self) -> Totals {
        self.drain(&mut lock(&self.taken), self.interval.load(Ordering::Relaxed)).0
    }

    /// The reservoir of the current interval.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut taken = lock(&self.taken);
        let interval = self.interval.load(Ordering::Relaxed);
        self.drain(&mut taken, interval);
        let now = self.time.since_origin(self.time.ticks());
        self.ask(interval, |reservoir| reservoir.snapshot(now)).unwrap_or_default()
    }

    /// The current interval in numbers.
    pub(crate) fn read(&self) -> Distribution {
        let mut taken = lock(&self.taken);
        let interval = self.interval.load(Ordering::Relaxed);
        let (totals, last) = self.drain(&mut taken, interval);
        self.numbers(interval, &totals, last)
    }

    /// The current interval in numbers; if it lasts from report to report, the next begins.
    pub(crate) fn report(&self) -> Distribution {
        if self.reservoirs.len() == 1 { self.read() } else { self.end_interval() }
    }

    /// Forgets all values.
    pub(crate) fn clear(&self) {
        self.end_interval();
    }

    fn end_interval(&self) -> Distribution {
        let mut taken = lock(&self.taken);
        let interval = self.interval.load(Ordering::Relaxed);
        self.interval.store(interval + 1, Ordering::Relaxed);
        // Before any recorder is read: see there.
        crate::sync::fence(Ordering::SeqCst);
        let (totals, last) = self.drain(&mut taken, interval);
        let numbers = self.numbers(interval, &totals, last);
        *taken = Totals::default();
        self.ask(interval, Reservoir::clear);
        numbers
    }

    fn reservoir(&self, interval: u64) -> &dyn Reservoir {
        let turn = self.reservoirs.get((interval & 1) as usize);
        &**turn.unwrap_or(&self.reservoirs[0])
    }

    fn numbers(&self, interval: u64, totals: &Totals, last: Option<Ticks>) -> Distribution {
        let now = self.time.ticks();
        let quantiles = self.ask(interval, |reservoir| {
            let mut quantiles = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];
            reservoir.quantiles(self.time.since_origin(now), &mut quantiles);
            quantiles
        });
        // Those that could not be read are not numbers, and so are not sent.
        let quantiles = quantiles.unwrap_or([f64::NAN; 6]);
        // The reservoir may have seen values after the totals were read.
        let [p50, p75, p95, p98, p99, p999] =
            quantiles.map(|quantile| quantile.clamp(totals.min, totals.max));
        Distribution {
            count: totals.count,
            sum: totals.sum,
            min: totals.min,
            max: totals.max,
            mean: totals.mean(),
            std_dev: totals.std_dev(),
            p50,
            p75,
            p95,
            p98,
            p99,
            p999,
            interval: self.reservoirs.len() > 1,
            idle: last.map(|last| Duration::from_nanos(self.time.nanos_between(last, now))),
        }
    }
}
