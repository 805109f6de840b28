//! How often.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::counter::Tally;
use super::{Hold, lock, unregistered};
use crate::clock::Time;
use crate::lane::{self, CellId, Sums};
use crate::moving_average::{MovingRates, Over};
use crate::{Clock, Rates, Reading};

/// The rate of events: the mean since the start, and over the last 1, 5 and 15 minutes.
///
/// All rates are per second. The moving ones are brought up to date when they are read, and are
/// zero in the first five seconds.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{ManualClock, Registry};
///
/// let clock = ManualClock::new();
/// let requests = Registry::with_clock(clock.clone()).meter("http.requests");
/// requests.mark();
/// requests.mark_n(2);
/// clock.advance(Duration::from_secs(5));
/// assert_eq!((requests.count(), requests.one_minute_rate()), (3, 0.6));
/// ```
#[doc(alias = "Rate")]
#[derive(Clone, Debug)]
pub struct Meter {
    cell: CellId,
    hold: Hold<Pace>,
}

/// A count of events, and how fast it grows.
#[derive(Debug)]
pub(crate) struct Pace {
    time: Time,
    events: Tally,
    /// What was counted besides whole events: the bits of an `f64`.
    parts: AtomicU64,
    rates: Mutex<CountedRates>,
}

/// Rates, and the events they know of.
#[derive(Debug)]
pub(crate) struct CountedRates {
    rates: MovingRates,
    /// Of the current interval, and of those before it.
    counted: f64,
    before: f64,
}

impl CountedRates {
    pub(crate) fn new(now: Duration) -> Self {
        Self { rates: MovingRates::new(now), counted: 0.0, before: 0.0 }
    }

    fn learn(&mut self, count: f64) {
        self.rates.add(count - self.counted);
        self.counted = count;
    }

    /// The rates at `now`, if the current interval has seen `count` events by then.
    pub(crate) fn read(&mut self, count: f64, now: Duration) -> Rates {
        self.learn(count);
        self.rates.read(self.before + count, now)
    }

    /// The same of one moving average; the others do not tick.
    pub(crate) fn over(&mut self, over: Over, count: f64, now: Duration) -> f64 {
        self.learn(count);
        self.rates.over(over, now)
    }

    /// The same of the mean rate; no average ticks.
    pub(crate) fn mean(&self, count: f64, now: Duration) -> f64 {
        self.rates.mean(self.before + count, now)
    }

    fn tick(&mut self, count: f64, now: Duration) {
        self.learn(count);
        self.rates.tick(now);
    }

    /// Begins an interval that has seen no event yet.
    pub(crate) fn end_interval(&mut self) {
        self.before += self.counted;
        self.counted = 0.0;
    }
}

impl Pace {
    pub(crate) fn new(time: Time) -> Self {
        let rates = Mutex::new(CountedRates::new(time.now()));
        Self { time, events: Tally::new(), parts: AtomicU64::new(0), rates }
    }

    fn parts(&self) -> f64 {
        f64::from_bits(self.parts.load(Ordering::Relaxed))
    }

    fn count(&self) -> f64 {
        self.events.count() as f64 + self.parts()
    }

    /// The count, of cells that were found already.
    fn count_in(&self, sums: &Sums) -> f64 {
        self.events.count_in(sums) as f64 + self.parts()
    }

    /// Something that changes with each use.
    pub(crate) fn activity(&self, sums: &Sums) -> u64 {
        self.count_in(sums).to_bits()
    }

    fn add_part(&self, amount: f64) {
        let sum = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        // Never an error, because there always is a sum.
        let _ = self.parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }

    /// Asks the rates for something: with the count of this moment, and the time.
    fn ask<R>(&self, ask: impl FnOnce(&mut CountedRates, f64, Duration) -> R) -> R {
        let now = self.time.now();
        let mut rates = lock(&self.rates);
        // Counted with the lock, so that no reader knows less than the one before it.
        let count = self.count();
        ask(&mut rates, count, now)
    }

    pub(crate) fn read(&self, sums: &Sums) -> Reading {
        let now = self.time.now();
        let mut rates = lock(&self.rates);
        let count = self.count_in(sums);
        Reading::Meter(count, rates.read(count, now))
    }

    fn clear(&self) {
        let now = self.time.now();
        let mut rates = lock(&self.rates);
        self.events.clear();
        self.parts.store(0, Ordering::Relaxed);
        *rates = CountedRates::new(now);
    }
}

impl Meter {
    /// A meter of its own, in no registry, on `clock`.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::of(unregistered(Pace::new(Time::of(clock))))
    }

    pub(crate) fn of(hold: Hold<Pace>) -> Self {
        Self { cell: hold.state.events.cell(), hold }
    }

    pub(crate) fn hold(&self) -> &Hold<Pace> {
        &self.hold
    }

    /// Counts one event.
    #[inline]
    pub fn mark(&self) {
        lane::add(self.cell, 1);
    }

    /// Counts `n` events.
    #[inline]
    pub fn mark_n(&self, n: u64) {
        lane::add(self.cell, n.cast_signed());
    }

    /// Counts what is no whole number of events, or takes some back; what is not finite is left out.
    ///
    /// Slower than whole events: threads that do so at once write to the same memory.
    pub fn mark_by(&self, amount: f64) {
        if amount.is_finite() {
            self.hold.state.add_part(amount);
        }
    }

    /// The number of events since the start; the whole ones of them, and not below zero.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as documented")]
    pub fn count(&self) -> u64 {
        self.amount() as u64
    }

    /// The number of events since the start, with parts of events.
    pub fn amount(&self) -> f64 {
        self.hold.state.count()
    }

    /// Events per second since the start, and over the last minutes.
    pub fn rates(&self) -> Rates {
        self.hold.state.ask(CountedRates::read)
    }

    /// Events per second since the start; zero while no time has passed.
    pub fn mean_rate(&self) -> f64 {
        self.hold.state.ask(|rates, count, now| rates.mean(count, now))
    }

    /// Events per second over the last minute.
    pub fn one_minute_rate(&self) -> f64 {
        self.over(Over::OneMinute)
    }

    /// Events per second over the last five minutes.
    pub fn five_minute_rate(&self) -> f64 {
        self.over(Over::FiveMinutes)
    }

    /// Events per second over the last fifteen minutes.
    pub fn fifteen_minute_rate(&self) -> f64 {
        self.over(Over::FifteenMinutes)
    }

    fn over(&self, over: Over) -> f64 {
        self.hold.state.ask(|rates, count, now| rates.over(over, count, now))
    }

    /// Brings the moving averages up to date now, also if that was done less than five seconds ago.
    pub fn tick(&self) {
        self.hold.state.ask(CountedRates::tick);
    }

    /// Count and rates, which belong together.
    pub fn reading(&self) -> Reading {
        self.hold.state.ask(|rates, count, now| Reading::Meter(count, rates.read(count, now)))
    }

    /// Starts anew.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.hold.state.clear();
    }
}
