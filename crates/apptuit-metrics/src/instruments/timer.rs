//! How long, and how often.

use std::sync::Mutex;
use std::time::Duration;

use super::meter::CountedRates;
use super::{Hold, lock, unregistered};
use crate::clock::{Ticks, Time};
use crate::moving_average::Over;
use crate::reservoir::Sampling;
use crate::values::Values;
use crate::{Clock, Distribution, Rates, Reading, Snapshot};

const NANOS_PER_SEC: f64 = 1e9;

/// Durations: their spread, and the rate at which they are recorded.
///
/// What is read is in seconds, rates are per second. Otherwise it is a
/// [`Histogram`](crate::Histogram) and a [`Meter`](crate::Meter) that always agree. On the machine's
/// clock durations are measured by the processor's time stamp counter.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::Registry;
///
/// let latency = Registry::new().timer(("http.latency", [("route", "/checkout")]));
/// let answer = latency.time(|| 6 * 7);
/// {
///     let _running = latency.start(); // records when it is dropped
/// }
/// latency.record(Duration::from_secs(90));
/// assert_eq!((answer, latency.count(), latency.max()), (42, 3, 90.0));
/// ```
#[doc(alias = "Stopwatch")]
#[derive(Clone, Debug)]
pub struct Timer {
    hold: Hold<Durations>,
}

/// Durations in seconds, and the rate at which they come.
#[derive(Debug)]
pub(crate) struct Durations {
    values: Values,
    /// Locked before the values are read, so that both know of the same durations.
    rates: Mutex<CountedRates>,
}

impl Durations {
    pub(crate) fn new(time: Time, sampling: &Sampling) -> Self {
        let rates = Mutex::new(CountedRates::new(time.now()));
        Self { values: Values::new(time, sampling), rates }
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Asks the rates for something: with the count of this moment, and the time.
    fn ask<R>(&self, ask: impl FnOnce(&mut CountedRates, f64, Duration) -> R) -> R {
        let mut rates = lock(&self.rates);
        let count = self.values.totals().count as f64;
        ask(&mut rates, count, self.values.time().now())
    }

    pub(crate) fn read(&self) -> Reading {
        let mut rates = lock(&self.rates);
        let values = self.values.read();
        Reading::Timer(values, rates.read(values.count as f64, self.values.time().now()))
    }

    pub(crate) fn report(&self) -> Reading {
        let mut rates = lock(&self.rates);
        let values = self.values.report();
        let reading =
            Reading::Timer(values, rates.read(values.count as f64, self.values.time().now()));
        if values.interval {
            rates.end_interval();
        }
        reading
    }

    fn clear(&self) {
        let mut rates = lock(&self.rates);
        self.values.clear();
        *rates = CountedRates::new(self.values.time().now());
    }

    /// Records the time since `started`, which is negative if the clock was turned back.
    #[inline]
    fn finish(&self, started: Ticks) -> Option<u64> {
        let time = self.values.time();
        let now = time.ticks();
        if now < started {
            self.values.refuse();
            return None;
        }
        let nanos = time.nanos_between(started, now);
        self.values.record_at(nanos as f64 / NANOS_PER_SEC, now);
        Some(nanos)
    }
}

impl Timer {
    /// A timer of its own, in no registry, on `clock` and with a reservoir of this kind.
    pub fn with(clock: impl Clock, sampling: &Sampling) -> Self {
        Self::of(unregistered(Durations::new(Time::of(clock), sampling)))
    }

    pub(crate) fn of(hold: Hold<Durations>) -> Self {
        Self { hold }
    }

    pub(crate) fn hold(&self) -> &Hold<Durations> {
        &self.hold
    }

    fn values(&self) -> &Values {
        &self.hold.state.values
    }

    /// Takes a duration in.
    #[doc(alias = "update")]
    #[doc(alias = "observe")]
    #[inline]
    pub fn record(&self, duration: Duration) {
        let values = self.values();
        values.record_at(duration.as_secs_f64(), values.time().ticks());
    }

    /// Takes a duration in that is known in seconds; one below zero, or not a number, is
    /// [refused](Self::refused).
    #[inline]
    pub fn record_secs(&self, seconds: f64) {
        let values = self.values();
        if seconds.is_finite() && seconds >= 0.0 {
            values.record_at(seconds, values.time().ticks());
        } else {
            values.refuse();
        }
    }

    /// This instant, as the start of measurements that [`record_since`](Self::record_since) ends.
    #[inline]
    pub fn instant(&self) -> Start {
        Start(self.values().time().ticks())
    }

    /// Records the time since `start`, which was read from this timer, and says how long it was.
    ///
    /// `None`, and [refused](Self::refused), if the clock was turned back.
    #[inline]
    pub fn record_since(&self, start: Start) -> Option<Duration> {
        self.hold.state.finish(start.0).map(Duration::from_nanos)
    }

    /// The time since `start`, which is not recorded; zero if the clock was turned back.
    #[inline]
    pub fn since(&self, start: Start) -> Duration {
        let time = self.values().time();
        Duration::from_nanos(time.nanos_between(start.0, time.ticks()))
    }

    /// Runs `work` and records how long it took, also if it panics.
    #[doc(alias = "measure")]
    #[inline]
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let _running = self.start();
        work()
    }

    /// Starts a measurement that is recorded when it is dropped.
    ///
    /// A clock that is turned back meanwhile makes it [refused](Self::refused).
    #[inline]
    pub fn start(&self) -> Running<'_> {
        let durations = &self.hold.state;
        Running { of: Of::Borrowed(durations), started: Some(durations.values.time().ticks()) }
    }

    /// The same, for a measurement that ends elsewhere: in another function, thread or task.
    #[inline]
    pub fn start_owned(&self) -> Running<'static> {
        let started = Some(self.values().time().ticks());
        Running { of: Of::Owned(self.clone()), started }
    }

    /// The number of durations.
    pub fn count(&self) -> u64 {
        self.values().totals().count
    }

    /// The sum of all durations, in seconds.
    pub fn sum(&self) -> f64 {
        self.values().totals().sum
    }

    /// The shortest duration, in seconds.
    pub fn min(&self) -> f64 {
        self.values().totals().min
    }

    /// The longest duration, in seconds.
    pub fn max(&self) -> f64 {
        self.values().totals().max
    }

    /// The mean of all durations, in seconds.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        self.values().totals().mean()
    }

    /// The variance of all durations, in seconds squared (divided by n - 1).
    #[doc(alias = "var")]
    pub fn variance(&self) -> f64 {
        self.values().totals().variance()
    }

    /// The standard deviation of all durations, in seconds.
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        self.values().totals().std_dev()
    }

    /// All durations in numbers, in seconds, which belong together.
    pub fn distribution(&self) -> Distribution {
        self.values().read()
    }

    /// Durations per second since the start, and over the last minutes.
    pub fn rates(&self) -> Rates {
        self.hold.state.ask(CountedRates::read)
    }

    /// Durations per second since the start; zero while no time has passed.
    pub fn mean_rate(&self) -> f64 {
        self.hold.state.ask(|rates, count, now| rates.mean(count, now))
    }

    /// Durations per second over the last minute.
    pub fn one_minute_rate(&self) -> f64 {
        self.over(Over::OneMinute)
    }

    /// Durations per second over the last five minutes.
    pub fn five_minute_rate(&self) -> f64 {
        self.over(Over::FiveMinutes)
    }

    /// Durations per second over the last fifteen minutes.
    pub fn fifteen_minute_rate(&self) -> f64 {
        self.over(Over::FifteenMinutes)
    }

    fn over(&self, over: Over) -> f64 {
        self.hold.state.ask(|rates, count, now| rates.over(over, count, now))
    }

    /// What it says in a dump.
    pub fn reading(&self) -> Reading {
        self.hold.state.read()
    }

    /// What the reservoir holds, in seconds.
    pub fn snapshot(&self) -> Snapshot {
        self.values().snapshot()
    }

    /// How many durations were refused since the start: the clock was turned back.
    pub fn refused(&self) -> u64 {
        self.values().refused()
    }

    /// Starts anew.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        self.hold.state.clear();
    }
}

/// An instant on the clock of a timer.
#[derive(Clone, Copy, Debug)]
pub struct Start(Ticks);

/// A measurement that is going on; it is recorded when it is dropped.
#[doc(alias = "TimerContext")]
#[must_use = "a measurement ends when this is dropped, which is at once if it is not kept"]
#[derive(Debug)]
pub struct Running<'a> {
    of: Of<'a>,
    /// `None` once it is recorded.
    started: Option<Ticks>,
}

#[derive(Debug)]
enum Of<'a> {
    Borrowed(&'a Durations),
    Owned(Timer),
}

impl Running<'_> {
    /// Ends the measurement, records it and says how long it was.
    ///
    /// Zero, and refused, if the clock was turned back.
    #[inline]
    pub fn stop(mut self) -> Duration {
        Duration::from_nanos(self.finish().unwrap_or_default())
    }

    #[inline]
    fn finish(&mut self) -> Option<u64> {
        let started = self.started.take()?;
        match &self.of {
            Of::Borrowed(durations) => durations.finish(started),
            Of::Owned(timer) => timer.hold.state.finish(started),
        }
    }
}

impl Drop for Running<'_> {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}
