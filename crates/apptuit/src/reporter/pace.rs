//! When what waits is tried again.

use std::time::Duration;

use apptuit_model::Timestamp;

use crate::{Error, RetryPolicy};

/// The rhythm in which batches that wait are sent.
///
/// While the server fails, pauses grow as those of its client do, and are drawn so that reporters
/// that failed together do not return together. Once it answers, one batch goes at a time, and the pause after it is drawn
/// around the time that it took: a server that has just come back is asked for half of its time at
/// most by each, the slower it is the less often.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How pauses grow.
    policy: RetryPolicy,
    failures: u32,
    not_before: Duration,
    /// What the server asked for in its last answer, if that was a failure.
    asked: Duration,
    /// Whether anything was delivered since the last failure.
    works: bool,
}

impl Pace {
    pub(super) fn new(policy: RetryPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// A batch was delivered; one that had waited `took` so long. `chance` is in 0..1, as everywhere
    /// here.
    ///
    /// New batches end a back-off, but put nothing off: else what waits would wait for ever where
    /// reports follow each other at once.
    pub(super) fn delivered(&mut self, now: Duration, took: Option<Duration>, chance: f64) {
        let pause = match took {
            _ if self.failures > 0 => Some(self.policy.longest_pause(0).mul_f64(chance)),
            Some(took) => Some(took.saturating_mul(2).mul_f64(chance)),
            None => None,
        };
        if let Some(pause) = pause {
            self.not_before = now.saturating_add(pause);
        }
        (self.failures, self.asked, self.works) = (0, Duration::ZERO, true);
    }

    /// The server could not be reached, or failed. Says whether it had worked since the last
    /// failure, so that the batch rather than the server may be the reason.
    pub(super) fn failed(
        &mut self,
        now: Duration,
        date: Timestamp,
        error: &Error,
        chance: f64,
    ) -> bool {
        self.failures = self.failures.saturating_add(1);
        let drawn = self.policy.longest_pause(self.failures.min(30)).mul_f64(chance);
        let asked = error.retry_after().map_or(Duration::ZERO, |asked| asked.pause(date));
        self.asked = now.saturating_add(asked);
        self.not_before = now.saturating_add(drawn.max(asked));
        std::mem::take(&mut self.works)
    }

    /// When the next batch that waits may be sent.
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// How long the server has asked to be left alone from `now` on.
    pub(super) fn asked(&self, now: Duration) -> Duration {
        self.asked.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::client::RetryAfter;

    const NOON: Timestamp = Timestamp::from_secs(43_200);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn down() -> Error {
        Error::new(ErrorKind::Server, "down")
    }

    #[test]
    fn pauses_grow_to_half_a_minute_while_the_server_fails() {
        let mut pace = Pace::default();
        let mut longest = Vec::new();
        for _ in 0..40 {
            pace.failed(secs(100), NOON, &down(), 1.0);
            longest.push(pace.not_before().as_secs() - 100);
        }
        assert_eq!(longest[..5], [4, 8, 16, 30, 30]);
        assert_eq!(longest[39], 30);
        pace.failed(secs(100), NOON, &down(), 0.0);
        assert_eq!(pace.not_before(), secs(100));
    }

    #[test]
    fn a_server_that_asks_for_time_is_given_it() {
        let mut pace = Pace::default();
        pace.failed(
            secs(1),
            NOON,
            &down().with_retry_after(Some(RetryAfter::Pause(secs(60)))),
            0.5,
        );
        assert_eq!((pace.not_before(), pace.asked(secs(11))), (secs(61), secs(50)));
        pace.delivered(secs(70), None, 0.0);
        assert_eq!(pace.asked(secs(70)), Duration::ZERO);
    }

    #[test]
    fn a_server_that_works_is_asked_for_half_of_its_time_on_average() {
        let mut pace = Pace::default();
        pace.delivered(secs(10), Some(secs(3)), 0.5);
        assert_eq!(pace.not_before(), secs(13));
        pace.delivered(secs(12), None, 0.5);
        assert_eq!(pace.not_before(), secs(13), "new batches put nothing off");
    }

    #[test]
    fn a_failure_after_a_delivery_may_be_the_batchs_own() {
        let mut pace = Pace::default();
        assert!(!pace.failed(secs(1), NOON, &down(), 0.5));
        pace.delivered(secs(2), Some(secs(1)), 0.5);
        assert!(pace.failed(secs(3), NOON, &down(), 0.5));
        assert!(!pace.failed(secs(4), NOON, &down(), 0.5));
    }
}
