//! Averages that forget: the 1, 5 and 15 minute rates.
//!
//! No thread ticks them; whoever reads a rate brings it up to date, over the whole gap at once.

use std::time::Duration;

use crate::Rates;

const TICK: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);

/// A rate per second that weighs the past less the longer ago it is.
///
/// What happened one period ago weighs 1/e of what happens now, as in the load average of Unix.
/// Times are those of one [`Clock`](crate::Clock).
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::Ewma;
///
/// let mut rate = Ewma::new(Duration::from_mins(1), Duration::ZERO);
/// rate.add(3);
/// assert_eq!(rate.rate(Duration::from_secs(5)), 0.6);
/// ```
#[doc(alias = "ExpWeightedMovingAvg")]
#[doc(alias = "MovingAverage")]
#[derive(Clone, Debug)]
pub struct Ewma {
    period: Duration,
    uncounted: u64,
    rate: Option<f64>,
    last_tick: Duration,
}

impl Ewma {
    /// An average over `period` that begins at `now`.
    pub fn new(period: Duration, now: Duration) -> Self {
        Self { period, uncounted: 0, rate: None, last_tick: now }
    }

    /// Counts `n` events.
    pub fn add(&mut self, n: u64) {
        self.uncounted = self.uncounted.saturating_add(n);
    }

    /// Events per second; zero until five seconds have passed.
    ///
    /// Ticks if the last tick is five seconds ago.
    pub fn rate(&mut self, now: Duration) -> f64 {
        if now.saturating_sub(self.last_tick) >= TICK {
            self.tick(now);
        }
        self.rate.unwrap_or(0.0)
    }

    /// Mixes what was counted since the last tick into the rate.
    ///
    /// Does nothing if no time has passed, or the clock went backwards.
    pub fn tick(&mut self, now: Duration) {
        let span = now.saturating_sub(self.last_tick).as_secs_f64();
        if span <= 0.0 {
            return;
        }
        let recent = self.uncounted as f64 / span;
        self.rate = Some(match self.rate {
            None => recent,
            Some(rate) => {
                let weight = -(-span / self.period.as_secs_f64()).exp_m1();
                rate + weight * (recent - rate)
            }
        });
        self.uncounted = 0;
        self.last_tick = now;
    }
}

/// The moving averages of one meter, and when it began.
#[derive(Debug)]
pub(crate) struct MovingRates {
    start: Duration,
    one_minute: Ewma,
    five_minutes: Ewma,
    fifteen_minutes: Ewma,
}

impl MovingRates {
    pub(crate) fn new(now: Duration) -> Self {
        Self {
            start: now,
            one_minute: Ewma::new(MINUTE, now),
            five_minutes: Ewma::new(5 * MINUTE, now),
            fifteen_minutes: Ewma::new(15 * MINUTE, now),
        }
    }

    pub(crate) fn add(&mut self, n: u64) {
        self.one_minute.add(n);
        self.five_minutes.add(n);
        self.fifteen_minutes.add(n);
    }

    /// The rates at `now`, if `count` events were counted since the start.
    pub(crate) fn read(&mut self, count: u64, now: Duration) -> Rates {
        let elapsed = now.saturating_sub(self.start).as_secs_f64();
        Rates {
            one_minute: self.one_minute.rate(now),
            five_minutes: self.five_minutes.rate(now),
            fifteen_minutes: self.fifteen_minutes.rate(now),
            mean: if elapsed > 0.0 { count as f64 / elapsed } else { 0.0 },
        }
    }
}
