//! How often.

use std::sync::Mutex;
use std::time::Duration;

use super::counter::Tally;
use super::{Hold, lock};
use crate::clock::Time;
use crate::lane::{self, CellId, Sums};
use crate::moving_average::MovingRates;
use crate::{Rates, Reading};

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
    rates: Mutex<CountedRates>,
}

/// Rates, and the events they know of.
#[derive(Debug)]
pub(crate) struct CountedRates {
    rates: MovingRates,
    /// Of the current interval, and of those before it.
    counted: u64,
    before: u64,
}

impl CountedRates {
    pub(crate) fn new(now: Duration) -> Self {
        Self { rates: MovingRates::new(now), counted: 0, before: 0 }
    }

    /// The rates at `now`, if the current interval has seen `count` events by then.
    pub(crate) fn read(&mut self, count: u64, now: Duration) -> Rates {
        self.rates.add(count.saturating_sub(self.counted));
        self.counted = count;
        self.rates.read(self.before.saturating_add(count), now)
    }

    /// Begins an interval that has seen no event yet.
    pub(crate) fn end_interval(&mut self) {
        self.before = self.before.saturating_add(self.counted);
        self.counted = 0;
    }
}

impl Pace {
    pub(crate) fn new(time: Time) -> Self {
        let rates = Mutex::new(CountedRates::new(time.now()));
        Self { time, events: Tally::new(), rates }
    }

    pub(crate) fn count(&self) -> u64 {
        self.events.count().cast_unsigned()
    }

    fn numbers(&self) -> (u64, Rates) {
        let now = self.time.now();
        let mut rates = lock(&self.rates);
        let count = self.count();
        (count, rates.read(count, now))
    }

    /// The count, of cells that were found already.
    pub(crate) fn count_in(&self, sums: &Sums) -> u64 {
        self.events.count_in(sums).cast_unsigned()
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
        *rates = CountedRates::new(now);
    }
}

impl Meter {
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

    /// The number of events since the start.
    pub fn count(&self) -> u64 {
        self.hold.state.count()
    }

    /// Events per second since the start, and over the last minutes.
    pub fn rates(&self) -> Rates {
        self.hold.state.numbers().1
    }

    /// Events per second since the start; zero while no time has passed.
    pub fn mean_rate(&self) -> f64 {
        self.rates().mean
    }

    /// Events per second over the last minute.
    pub fn one_minute_rate(&self) -> f64 {
        self.rates().one_minute
    }

    /// Events per second over the last five minutes.
    pub fn five_minute_rate(&self) -> f64 {
        self.rates().five_minutes
    }

    /// Events per second over the last fifteen minutes.
    pub fn fifteen_minute_rate(&self) -> f64 {
        self.rates().fifteen_minutes
    }

    /// Starts anew.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.hold.state.clear();
    }
}
