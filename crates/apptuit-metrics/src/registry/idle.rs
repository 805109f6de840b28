//! Which instruments nobody uses any more.

use std::collections::HashMap;
use std::time::Duration;

use super::cache;
use super::instrument::Instrument;
use crate::lane::Sums;

/// When each instrument was last seen to change, as far as reports saw it.
#[derive(Debug)]
pub(super) struct Idle {
    timeout: Duration,
    seen: HashMap<u64, Seen>,
}

#[derive(Debug)]
struct Seen {
    activity: u64,
    since: Duration,
    /// Whether a report has shown it as it is.
    reported: bool,
    /// When the handles that threads keep of it were last dropped, if it is idle.
    idle: Option<Duration>,
}

/// What a report makes of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is to be reported.
    Used,
    /// Nobody used it for so long, and what it said last has been reported.
    NewlyIdle,
    /// And that was so before.
    Idle,
}

impl Idle {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, seen: HashMap::new() }
    }

    /// Looks at an instrument whose `activity` was that before it is read for this report.
    pub(super) fn look(&mut self, number: u64, activity: Option<u64>, now: Duration) -> Use {
        let Some(activity) = activity else { return Use::Used };
        let used = || Seen { activity, since: now, reported: false, idle: None };
        let seen = self.seen.entry(number).or_insert_with(used);
        if seen.activity != activity {
            *seen = used();
        }
        let idle = seen.reported && now.saturating_sub(seen.since) >= self.timeout;
        seen.reported = true;
        if !idle {
            seen.idle = None;
            return Use::Used;
        }
        let newly = seen.idle.is_none();
        if seen.idle.is_none_or(|found| now.saturating_sub(found) >= self.timeout) {
            seen.idle = Some(now);
            // Threads keep handles of what they asked for, if only to read it; those shall not keep
            // it alive for long.
            cache::invalidate();
        }
        if newly { Use::NewlyIdle } else { Use::Idle }
    }

    /// Whether an instrument was not used since it was found idle.
    pub(super) fn is_still_idle(&self, instrument: &Instrument, sums: &Sums) -> bool {
        let seen = self.seen.get(&instrument.number());
        seen.is_some_and(|seen| instrument.activity(sums) == Some(seen.activity))
    }

    /// Forgets instruments but those that `is_there`.
    pub(super) fn retain(&mut self, is_there: impl Fn(u64) -> bool) {
        self.seen.retain(|number, _| is_there(*number));
    }
}
