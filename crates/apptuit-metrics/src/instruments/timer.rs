//! How long, and how often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::distribution::Sampled;
use super::{Totals, lock};
use crate::moving_average::MovingRates;
use crate::{Clock, Rates, Reading, Snapshot};

/// Durations: their spread, and the rate at which they are recorded.
///
/// What is read is in seconds, rates are per second. Otherwise it is a
/// [`Histogram`](crate::Histogram) and a [`Meter`](crate::Meter) that always agree.
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
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    distribution: Sampled,
    rates: MovingRates,
}

impl State {
    fn read_rates(&mut self, now: Duration) -> Rates {
        self.rates.read(self.distribution.totals().count(), now)
    }
}

impl Timer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let rates = MovingRates::new(clock.now());
        let state = Mutex::new(State { distribution: Sampled::new(), rates });
        Self { shared: Arc::new(Shared { clock, state }) }
    }

    /// Takes a duration in.
    #[doc(alias = "update")]
    #[doc(alias = "observe")]
    pub fn record(&self, duration: Duration) {
        let now = self.shared.clock.now();
        let mut state = lock(&self.shared.state);
        state.distribution.record(duration.as_secs_f64(), now);
        state.rates.add(1);
    }

    /// Runs `work` and records how long it took, also if it panics.
    #[doc(alias = "measure")]
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let _running = self.start();
        work()
    }

    /// Starts a measurement that is recorded when it is dropped.
    pub fn start(&self) -> Running {
        Running { timer: self.clone(), started: Some(self.shared.clock.now()) }
    }

    /// The number of durations since the start.
    pub fn count(&self) -> u64 {
        self.totals().count()
    }

    /// The sum of all durations since the start, in seconds.
    pub fn sum(&self) -> f64 {
        self.totals().sum()
    }

    /// The shortest duration since the start, in seconds.
    pub fn min(&self) -> f64 {
        self.totals().min()
    }

    /// The longest duration since the start, in seconds.
    pub fn max(&self) -> f64 {
        self.totals().max()
    }

    /// The mean of all durations since the start, in seconds.
    #[doc(alias = "avg")]
    pub fn mean(&self) -> f64 {
        self.totals().mean()
    }

    /// The variance of all durations since the start, in seconds squared (divided by n - 1).
    #[doc(alias = "var")]
    pub fn variance(&self) -> f64 {
        self.totals().variance()
    }

    /// The standard deviation of all durations since the start, in seconds.
    #[doc(alias = "stddev")]
    pub fn std_dev(&self) -> f64 {
        self.totals().std_dev()
    }

    /// Durations per second since the start; zero while no time has passed.
    pub fn mean_rate(&self) -> f64 {
        self.rates().mean
    }

    /// Durations per second over the last minute.
    pub fn one_minute_rate(&self) -> f64 {
        self.rates().one_minute
    }

    /// Durations per second over the last five minutes.
    pub fn five_minute_rate(&self) -> f64 {
        self.rates().five_minutes
    }

    /// Durations per second over the last fifteen minutes.
    pub fn fifteen_minute_rate(&self) -> f64 {
        self.rates().fifteen_minutes
    }

    /// The sample, in seconds.
    pub fn snapshot(&self) -> Snapshot {
        let values = lock(&self.shared.state).distribution.values();
        values.into_iter().collect()
    }

    /// Starts anew.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        let now = self.shared.clock.now();
        let mut state = lock(&self.shared.state);
        state.distribution.clear();
        state.rates = MovingRates::new(now);
    }

    pub(crate) fn read(&self) -> Reading {
        let now = self.shared.clock.now();
        let mut state = lock(&self.shared.state);
        Reading::Timer(state.distribution.read(), state.read_rates(now))
    }

    fn totals(&self) -> Totals {
        lock(&self.shared.state).distribution.totals()
    }

    fn rates(&self) -> Rates {
        let now = self.shared.clock.now();
        lock(&self.shared.state).read_rates(now)
    }
}

/// A measurement that is going on; it is recorded when it is dropped.
#[doc(alias = "TimerContext")]
#[must_use = "a measurement ends when this is dropped, which is at once if it is not kept"]
#[derive(Debug)]
pub struct Running {
    timer: Timer,
    /// `None` once it is recorded.
    started: Option<Duration>,
}

impl Running {
    /// Ends the measurement, records it and says how long it was.
    ///
    /// Zero, and not recorded, if the clock went backwards.
    pub fn stop(mut self) -> Duration {
        self.finish().unwrap_or_default()
    }

    fn finish(&mut self) -> Option<Duration> {
        let started = self.started.take()?;
        let elapsed = self.timer.shared.clock.now().checked_sub(started)?;
        self.timer.record(elapsed);
        Some(elapsed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.finish();
    }
}
