//! How often.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::moving_average::MovingRates;
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
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    count: u64,
    rates: MovingRates,
}

impl Meter {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State { count: 0, rates: MovingRates::new(clock.now()) });
        Self { shared: Arc::new(Shared { clock, state }) }
    }

    /// Counts one event.
    pub fn mark(&self) {
        self.mark_n(1);
    }

    /// Counts `n` events.
    pub fn mark_n(&self, n: u64) {
        let mut state = lock(&self.shared.state);
        state.count = state.count.saturating_add(n);
        state.rates.add(n);
    }

    /// The number of events since the start.
    pub fn count(&self) -> u64 {
        lock(&self.shared.state).count
    }

    /// Events per second since the start; zero while no time has passed.
    pub fn mean_rate(&self) -> f64 {
        self.numbers().1.mean
    }

    /// Events per second over the last minute.
    pub fn one_minute_rate(&self) -> f64 {
        self.numbers().1.one_minute
    }

    /// Events per second over the last five minutes.
    pub fn five_minute_rate(&self) -> f64 {
        self.numbers().1.five_minutes
    }

    /// Events per second over the last fifteen minutes.
    pub fn fifteen_minute_rate(&self) -> f64 {
        self.numbers().1.fifteen_minutes
    }

    /// Starts anew.
    #[doc(alias = "reset")]
    pub fn clear(&self) {
        let now = self.shared.clock.now();
        *lock(&self.shared.state) = State { count: 0, rates: MovingRates::new(now) };
    }

    pub(crate) fn read(&self) -> Reading {
        let (count, rates) = self.numbers();
        Reading::Meter(count, rates)
    }

    fn numbers(&self) -> (u64, Rates) {
        let now = self.shared.clock.now();
        let mut state = lock(&self.shared.state);
        let count = state.count;
        (count, state.rates.read(count, now))
    }
}
