//! Where time comes from.

mod time;

pub(crate) use time::{Ticks, Time};

use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use apptuit_model::Timestamp;

use crate::instruments::lock;

/// A source of time: one for spans, one for the date.
///
/// Rates and durations are measured with [`now`](Self::now), so setting the date of the machine
/// does not bend them.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time since an origin that is fixed but arbitrary.
    ///
    /// Should not decrease. Where it does, nothing breaks: spans below zero are not recorded.
    fn now(&self) -> Duration;

    /// The date and time of day.
    fn timestamp(&self) -> Timestamp;

    /// Lets `span` pass, or less if the thread is woken; says whether it was.
    ///
    /// `wait` sleeps for the real time it is given unless it is woken before, and says whether it
    /// was; given no time, it only says so. Real time is what a clock waits for by default; one
    /// that is moved by other means, as in a simulation, overrides this.
    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        wait(span)
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn timestamp(&self) -> Timestamp {
        (**self).timestamp()
    }

    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        (**self).pause(span, wait)
    }
}

/// The machine's clocks.
///
/// All values of this type count from one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "one of the two places that read the clock")]
    fn now(&self) -> Duration {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        // The origin first: it must not be later than the instant it is compared with.
        let origin = *ORIGIN.get_or_init(Instant::now);
        Instant::now().saturating_duration_since(origin)
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is told to move, for tests.
///
/// Clones show the same time. It starts at zero, and at the epoch.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit_metrics::{ManualClock, Registry};
///
/// let clock = ManualClock::new();
/// let requests = Registry::with_clock(clock.clone()).meter("http.requests");
/// requests.mark_n(30);
/// clock.advance(Duration::from_secs(10));
/// assert_eq!(requests.mean_rate(), 3.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    shown: Arc<Mutex<Shown>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    now: Duration,
    /// The date that was set, and when. What has passed since is added up in full: a timestamp has
    /// no parts of a millisecond, and one that grew by many short spans would stay behind.
    date: (Timestamp, Duration),
}

impl ManualClock {
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `span` pass, on both scales.
    pub fn advance(&self, span: Duration) {
        let mut shown = lock(&self.shown);
        shown.now = shown.now.saturating_add(span);
    }

    /// Sets the date; no time passes.
    pub fn set_timestamp(&self, timestamp: Timestamp) {
        let mut shown = lock(&self.shown);
        shown.date = (timestamp, shown.now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        lock(&self.shown).now
    }

    fn timestamp(&self) -> Timestamp {
        let Shown { now, date: (timestamp, at) } = *lock(&self.shown);
        timestamp.saturating_add(now.saturating_sub(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_does_not_run_backwards() {
        let first = SystemClock.now();
        let second = SystemClock.now();
        assert!(first <= second, "{first:?} then {second:?}");
    }

    #[test]
    fn clones_of_a_manual_clock_show_one_time() {
        let clock = ManualClock::new();
        let clone = clock.clone();
        clock.set_timestamp(Timestamp::from_secs(60));
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clone.now(), Duration::from_millis(1500));
        assert_eq!(clone.timestamp(), Timestamp::from_millis(61_500));
    }

    #[test]
    fn both_scales_of_a_manual_clock_go_together_in_steps_of_any_length() {
        let clock = ManualClock::new();
        for _ in 0..1_000_000 {
            clock.advance(Duration::from_nanos(1500));
        }
        assert_eq!(clock.now(), Duration::from_millis(1500));
        assert_eq!(clock.timestamp(), Timestamp::from_millis(1500));
    }
}
