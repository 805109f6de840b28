//! The thread of a reporter, and the handle that stops it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apptuit_metrics::{Clock, SystemClock};

use super::desk::{self, Desk};
use super::outbox::{Replayed, Trip};
use super::report::Occasion;
use super::{FlushReport, Ledger, Shared, flush};
use crate::client::Interrupt;
use crate::{Error, ErrorKind, Result};

/// A reporter with its thread. Dropping it stops it like [`stop`](Self::stop): kept until the end of
/// `main`, it is the guard that sends what came last.
#[must_use = "dropping it stops the reporter"]
pub struct RunningReporter {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    /// Ends the pauses between a client's tries.
    interrupt: Interrupt,
    thread: Option<(JoinHandle<()>, Receiver<Result<()>>)>,
}

impl RunningReporter {
    /// The caller has set `is_running`.
    pub(super) fn start(shared: &Arc<Shared>, delay: Duration) -> Result<Self> {
        let (desk, interrupt) = (Arc::new(Desk::default()), Interrupt::new());
        let (sender, last_result) = sync_channel(1);
        let life = Life {
            shared: Arc::clone(shared),
            desk: Arc::clone(&desk),
            interrupt: interrupt.clone(),
        };
        let thread =
            desk::spawn("apptuit-reporter", &shared.report.clock, move || life.run(delay, &sender))
                .map_err(|error| {
                    shared.is_running.store(false, Ordering::Release);
                    let message = format!("the reporter's thread cannot start: {error}");
                    Error::new(ErrorKind::Configuration, message).with_source(error)
                })?;
        let thread = Some((thread, last_result));
        Ok(Self { shared: Arc::clone(shared), desk, interrupt, thread })
    }

    /// Reports once more, on this thread, after a report that is under way.
    ///
    /// # Errors
    ///
    /// As [`Reporter::report_now`](super::Reporter::report_now).
    pub fn report_now(&self) -> Result<()> {
        let shared = &self.shared;
        shared.report(shared.report.subject(), Occasion::Asked, &shared.trip(&self.interrupt))
    }

    /// As [`Reporter::flush`](super::Reporter::flush).
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        flush::flush(&self.shared, timeout)
    }

    /// What became of every point so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.report.outbox.books().ledger()
    }

    /// Reports one last time, sends what waits, and ends the thread, all within the
    /// [stop timeout](super::ReporterBuilder::stop_timeout).
    ///
    /// A pause between retries ends at once, and the last report is tried once. A delivery that
    /// hangs is left alone in time for what it carries to be kept: with a spool it is on disk when
    /// this returns.
    ///
    /// # Errors
    ///
    /// The last report failed, or [`ErrorKind::Timeout`]: it was not done in time.
    pub fn stop(mut self) -> Result<()> {
        let timeout = self.shared.stop_timeout;
        self.finish(timeout)
    }

    /// As [`stop`](Self::stop), within another time.
    ///
    /// # Errors
    ///
    /// As [`stop`](Self::stop).
    pub fn stop_within(mut self, timeout: Duration) -> Result<()> {
        self.finish(timeout)
    }

    fn finish(&mut self, timeout: Duration) -> Result<()> {
        let Some((thread, last_result)) = self.thread.take() else { return Ok(()) };
        self.desk.stop(timeout);
        self.interrupt.trigger();
        if thread.thread().id() == thread::current().id() {
            // A handler or a gauge stops its own reporter: the last report follows when it returns.
            return Ok(());
        }
        let result = match desk::receive(&last_result, &*self.shared.report.clock, timeout) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = timeout.as_secs_f64();
                let message = format!("the last report is not done after {seconds} s");
                return Err(Error::new(ErrorKind::Timeout, message));
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::new(ErrorKind::Panicked, "the reporter's thread has panicked"))
            }
        };
        // It has sent its result or panicked, so this does not wait; panics are in the result.
        let _ = thread.join();
        result
    }
}

impl Drop for RunningReporter {
    fn drop(&mut self) {
        if let Err(error) = self.finish(self.shared.stop_timeout)
            && error.kind() == ErrorKind::Timeout
        {
            self.shared.tell(&error);
        }
    }
}

impl fmt::Debug for RunningReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningReporter")
            .field("interval", &self.shared.report.interval())
            .finish_non_exhaustive()
    }
}

/// What the thread has.
struct Life {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    interrupt: Interrupt,
}

impl Life {
    /// A report after `delay` and every interval, between them what waits, and a last report.
    fn run(&self, delay: Duration, last_result: &SyncSender<Result<()>>) {
        let Shared { report, is_running, .. } = &*self.shared;
        let mut due = report.clock.now().saturating_add(delay);
        let may_replay = || report.outbox.next_replay().filter(|at| *at <= report.clock.now());
        loop {
            let replay = report.outbox.next_replay();
            if self.wait_until(replay.map_or(due, |replay| replay.min(due))) {
                break;
            }
            let started = report.clock.now();
            if started >= due {
                // Its failures went to `on_error`.
                let _ = self.report(Occasion::Interval);
                report.outbox.look_for_orphans();
                due = next_due(due, started, report.clock.now(), report.interval());
            }
            // Also where reports take longer than the interval, and the next is due by now.
            if may_replay().is_some() && self.desk.stopping().is_none() {
                self.shared.replay(&self.trip());
            }
        }
        let last = self.report(Occasion::Asked);
        while matches!(self.shared.replay(&self.trip()), Replayed::Settled { .. }) {}
        is_running.store(false, Ordering::Release);
        // The other end is gone if stopping took too long.
        let _ = last_result.send(last);
    }

    fn report(&self, occasion: Occasion) -> Result<()> {
        self.shared.report(self.shared.report.subject(), occasion, &self.trip())
    }

    /// A delivery that ends in time for the thread to stop.
    fn trip(&self) -> Trip<'_> {
        let deadline = match self.desk.stopping() {
            Some(stop) => stop.end,
            None => SystemClock.now().saturating_add(self.shared.report_timeout),
        };
        Trip { deadline, interrupt: &self.interrupt, desk: Some(&self.desk) }
    }

    /// Whether the reporter was stopped before `due`.
    fn wait_until(&self, due: Duration) -> bool {
        let clock = &*self.shared.report.clock;
        loop {
            let left = due.saturating_sub(clock.now());
            if clock.pause(left, &|span| self.desk.wait(span)) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }
}

/// When the next report is due. One that started late by less than the interval keeps the rhythm; one
/// that started later begins a new one, so that missed reports are not made up for. One that took
/// longer than the interval is followed by the next at once.
fn next_due(due: Duration, started: Duration, ended: Duration, interval: Duration) -> Duration {
    let is_missed = started.saturating_sub(due) >= interval;
    let rhythm = if is_missed { started } else { due };
    rhythm.saturating_add(interval).max(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In seconds, of an interval of ten.
    fn next(due: u64, started: u64, ended: u64) -> u64 {
        let secs = Duration::from_secs;
        next_due(secs(due), secs(started), secs(ended), secs(10)).as_secs()
    }

    #[test]
    fn reports_that_end_in_time_keep_the_rhythm() {
        assert_eq!(next(100, 100, 103), 110);
        assert_eq!(next(100, 109, 109), 110);
    }

    #[test]
    fn a_report_that_takes_longer_than_the_interval_is_followed_by_one_at_once() {
        assert_eq!(next(100, 100, 125), 125);
        assert_eq!(next(125, 125, 126), 135);
    }

    #[test]
    fn a_long_gap_is_followed_by_one_report_and_not_by_many() {
        assert_eq!(next(100, 500, 501), 510);
    }
}
