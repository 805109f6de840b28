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
/// rate.add(3.0);
/// assert_eq!(rate.rate(Duration::from_secs(5)), 0.6);
/// ```
#[doc(alias = "ExpWeightedMovingAvg")]
#[doc(alias = "MovingAverage")]
#[derive(Clone, Debug)]
pub struct Ewma {
    period: Duration,
    interval: Duration,
    uncounted: f64,
    rate: Option<f64>,
    last_tick: Duration,
}

impl Ewma {
    /// An average over `period` that begins at `now`.
    pub fn new(period: Duration, now: Duration) -> Self {
        Self { period, interval: TICK, uncounted: 0.0, rate: None, last_tick: now }
    }

    /// The same, with another least time between two ticks than five seconds.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Counts `n` events, which need not be a whole number.
    pub fn add(&mut self, n: f64) {
        self.uncounted += n;
    }

    /// What was counted since the last tick.
    pub fn uncounted(&self) -> f64 {
        self.uncounted
    }

    /// Events per second as of the last tick; `None` before the first.
    pub fn last_rate(&self) -> Option<f64> {
        self.rate
    }

    /// When the last tick was, or else the beginning.
    pub fn last_tick(&self) -> Duration {
        self.last_tick
    }

    /// Events per second; zero until an interval, five seconds, has passed.
    ///
    /// Ticks if the last tick is an interval ago.
    pub fn rate(&mut self, now: Duration) -> f64 {
        if now.saturating_sub(self.last_tick) >= self.interval {
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
        let recent = self.uncounted / span;
        self.rate = Some(match self.rate {
            None => recent,
            Some(rate) => {
                let weight = -(-span / self.period.as_secs_f64()).exp_m1();
                rate + weight * (recent - rate)
            }
        });
        self.uncounted = 0.0;
        self.last_tick = now;
    }
}

/// The moving averages of one meter, and when it began.
#[derive(Debug)]
pub(crate) struct MovingRates {
    start: Duration,
    averages: [Ewma; 3],
}

/// Which of the moving averages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    OneMinute,
    FiveMinutes,
    FifteenMinutes,
}

impl MovingRates {
    pub(crate) fn new(now: Duration) -> Self {
        Self { start: now, averages: [1, 5, 15].map(|minutes| Ewma::new(minutes * MINUTE, now)) }
    }

    pub(crate) fn add(&mut self, n: f64) {
        self.averages.iter_mut().for_each(|average| average.add(n));
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        self.averages.iter_mut().for_each(|average| average.tick(now));
    }

    /// One of the moving averages at `now`; the others are not touched.
    pub(crate) fn over(&mut self, over: Over, now: Duration) -> f64 {
        self.averages[over as usize].rate(now)
    }

    /// The mean rate at `now`, if `count` events were counted since the start.
    pub(crate) fn mean(&self, count: f64, now: Duration) -> f64 {
        let elapsed = now.saturating_sub(self.start).as_secs_f64();
        if elapsed > 0.0 { count / elapsed } else { 0.0 }
    }

    /// The rates at `now`, if `count` events were counted since the start.
    pub(crate) fn read(&mut self, count: f64, now: Duration) -> Rates {
        Rates {
            one_minute: self.over(Over::OneMinute, now),
            five_minutes: self.over(Over::FiveMinutes, now),
            fifteen_minutes: self.over(Over::FifteenMinutes, now),
            mean: self.mean(count, now),
        }
    }
}
