//! When a failed request is tried again.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::Timestamp;

use crate::{Error, ErrorKind, Result};

const BASE_PAUSE: Duration = Duration::from_secs(2);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How often a request is repeated that failed for a passing reason.
///
/// Passing are a status of 500 and above, 408 and 429, a broken or refused connection, and an
/// answer that does not come. A point or a query that is refused stays refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    retries: u32,
    base_pause: Duration,
}

impl RetryPolicy {
    /// One try.
    pub const fn never() -> Self {
        Self { retries: 0, base_pause: BASE_PAUSE }
    }

    /// Up to `retries` further tries, each after a longer pause on average.
    ///
    /// The pause before retry `n` is drawn evenly between zero and `2 s * 2^n`, at most 30 s, so
    /// that clients that failed together do not return together. A server's `Retry-After` is a
    /// lower bound of the pause.
    pub const fn exponential(retries: u32) -> Self {
        Self { retries, base_pause: BASE_PAUSE }
    }

    /// Another length than 2 s for the pauses to grow from.
    #[must_use]
    pub const fn base_pause(mut self, base_pause: Duration) -> Self {
        self.base_pause = base_pause;
        self
    }

    /// The longest pause before retry `n`, counted from 1.
    pub(crate) fn longest_pause(&self, n: u32) -> Duration {
        let factor = 1_u32.checked_shl(n).unwrap_or(u32::MAX);
        self.base_pause.saturating_mul(factor).min(MAX_PAUSE)
    }

    /// The pause before retry `n` (from 1) after `error`; `None` to give up. `chance` is in 0..1.
    fn pause(
        &self,
        n: u32,
        error: &Error,
        deadline: &Deadline<'_>,
        chance: f64,
    ) -> Option<Duration> {
        if n > self.retries || !error.is_retryable() {
            return None;
        }
        let drawn = self.longest_pause(n).mul_f64(chance);
        let now = deadline.clock.timestamp();
        let pause = error.retry_after().map_or(drawn, |asked| drawn.max(asked.pause(now)));
        // A pause that leaves no time for a try would only delay the bad news.
        (pause < deadline.left()).then_some(pause)
    }
}

/// [`never`](RetryPolicy::never): the caller decides.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self::never()
    }
}

/// What a server asks for before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Pause(Duration),
    Until(Timestamp),
}

impl RetryAfter {
    pub(crate) fn pause(self, now: Timestamp) -> Duration {
        match self {
            Self::Pause(pause) => pause,
            Self::Until(then) => {
                let millis = then.as_millis().saturating_sub(now.as_millis());
                Duration::from_millis(u64::try_from(millis).unwrap_or(0))
            }
        }
    }
}

/// Ends pauses between tries early. Clones share one state.
///
/// A reporter that stops does not wait out the pause its client is in.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// An interrupt that nobody has triggered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends all pauses, now and from now on.
    pub fn trigger(&self) {
        *self.state.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.state.1.notify_all();
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        *self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `pause`, or until triggered; says whether it was triggered.
    pub fn wait(&self, pause: Duration) -> bool {
        let guard = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.state.1.wait_timeout_while(guard, pause, |triggered| !*triggered);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for `pause` of this clock's time, or until triggered; says whether it was triggered.
    pub fn wait_by(&self, clock: &dyn Clock, pause: Duration) -> bool {
        clock.pause(pause, &|span| self.wait(span))
    }
}

/// The end of the time that a call may take.
#[derive(Clone, Copy)]
pub(super) struct Deadline<'c> {
    clock: &'c dyn Clock,
    at: Duration,
}

impl<'c> Deadline<'c> {
    pub(super) fn after(span: Duration, clock: &'c dyn Clock) -> Self {
        Self { clock, at: clock.now().saturating_add(span) }
    }

    /// The time until then.
    pub(super) fn left(&self) -> Duration {
        self.at.saturating_sub(self.clock.now())
    }
}

/// Tries until it succeeds, fails for good, or `timeout` is over. `try_once` is given the time
/// that is left.
pub(crate) fn with_retries<T>(
    policy: RetryPolicy,
    timeout: Duration,
    clock: &dyn Clock,
    interrupt: &Interrupt,
    mut try_once: impl FnMut(Duration) -> Result<T>,
) -> Result<T> {
    let deadline = Deadline::after(timeout, clock);
    let (mut left, mut tries) = (timeout, 0);
    if left.is_zero() {
        return Err(Error::new(ErrorKind::Timeout, "no time is left to send it"));
    }
    loop {
        tries += 1;
        let error = match try_once(left) {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let Some(pause) = policy.pause(tries, &error, &deadline, fastrand::f64()) else {
            return Err(error);
        };
        if interrupt.wait_by(clock, pause) {
            return Err(error);
        }
        left = deadline.left();
        if left.is_zero() {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use apptuit_metrics::ManualClock;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let policy = RetryPolicy::exponential(9);
        let longest: Vec<_> = [1, 2, 3, 4, 5, 99].map(|n| policy.longest_pause(n).as_secs()).into();
        assert_eq!(longest, [4, 8, 16, 30, 30, 30]);
    }

    /// The pause before retry `n` after `error`, an hour before the deadline and at the epoch.
    fn pause(policy: RetryPolicy, n: u32, error: &Error, chance: f64) -> Option<Duration> {
        policy.pause(n, error, &Deadline::after(HOUR, &ManualClock::new()), chance)
    }

    fn down(retry_after: RetryAfter) -> Error {
        Error::new(ErrorKind::Server, "down").with_retry_after(Some(retry_after))
    }

    #[test]
    fn a_pause_is_drawn_from_zero_to_the_longest() {
        let (policy, down) = (RetryPolicy::exponential(2), Error::new(ErrorKind::Server, "down"));
        assert_eq!(pause(policy, 1, &down, 0.0), Some(Duration::ZERO));
        assert_eq!(pause(policy, 2, &down, 0.5), Some(secs(4)));
        assert_eq!(pause(policy, 3, &down, 0.5), None);
    }

    #[test]
    fn the_server_may_ask_for_a_longer_pause() {
        let policy = RetryPolicy::exponential(1);
        let asked = |retry_after| pause(policy, 1, &down(retry_after), 0.9);
        for (retry_after, expected) in [
            (RetryAfter::Pause(secs(60)), Some(secs(60))),
            (RetryAfter::Pause(secs(1)), Some(Duration::from_millis(3600))),
            (RetryAfter::Pause(HOUR), None),
            (RetryAfter::Until(Timestamp::from_secs(60)), Some(secs(60))),
            (RetryAfter::Until(Timestamp::from_secs(-60)), Some(Duration::from_millis(3600))),
            (RetryAfter::Until(Timestamp::MAX), None),
        ] {
            assert_eq!(asked(retry_after), expected, "{retry_after:?}");
        }
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        let refused = Error::new(ErrorKind::Rejected, "no");
        assert_eq!(pause(RetryPolicy::exponential(9), 1, &refused, 0.0), None);
    }

    #[test]
    fn a_triggered_interrupt_ends_a_pause_that_has_begun() {
        let interrupt = Interrupt::new();
        let other = interrupt.clone();
        let waiting = std::thread::spawn(move || other.wait(HOUR));
        interrupt.trigger();
        assert!(waiting.join().unwrap());
        assert!(!Interrupt::new().wait(Duration::ZERO));
    }
}
