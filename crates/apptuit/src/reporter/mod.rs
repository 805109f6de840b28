//! The reporter: every interval, instruments become points and go to a sink.

mod builder;
mod process_metrics;
mod report;
mod self_metrics;
mod sink;
mod stderr;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apptuit_metrics::Registry;

pub use builder::{HostTag, ReporterBuilder};
pub use process_metrics::ProcessMetrics;
pub use sink::PointSink;

use self::report::{Outcome, Report};
use crate::client::Interrupt;
use crate::{Error, ErrorKind, Result};

/// Sends what a registry holds: on request, or every interval from a thread of its own.
///
/// Names, tags and batches: [`ReporterBuilder`]. With every report that has points go four metrics
/// about the reporter: the counters `apptuit.reporter.send.total`, `.successful` and `.failed` of
/// points, and the timer `apptuit.reporter.send.time` of requests.
///
/// A metric that cannot be sent is skipped and told to `on_error`; values that are not finite, as
/// a gauge that was never set has, are left out silently. A batch that fails does not keep the
/// later ones back.
///
/// A clone is the same reporter.
#[derive(Clone)]
pub struct Reporter {
    shared: Arc<Shared>,
}

thread_local! {
    /// The reporters this thread is in a report of, by address.
    static REPORTING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// What is told of failures.
type Handler = Box<dyn Fn(&Error) + Send + Sync>;

struct Shared {
    report: Report,
    /// Held during a report, so that counts of two do not mix.
    one_at_a_time: Mutex<()>,
    interval: Duration,
    stop_timeout: Duration,
    on_error: Handler,
    /// What is wrong with the settings.
    misconfigured: Option<String>,
    is_running: AtomicBool,
}

impl Reporter {
    /// A reporter of `registry` to `sink`, a [`Client`](crate::Client) as a rule.
    pub fn builder(registry: Registry, sink: impl PointSink + 'static) -> ReporterBuilder {
        ReporterBuilder::new(registry, Box::new(sink))
    }

    /// Starts a thread that reports at once and then every interval.
    ///
    /// A report that takes longer than the interval is followed by the next at once; reports that
    /// were missed are not made up for. After [`stop`](RunningReporter::stop) it can be started
    /// again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`]: the interval is zero, the environment makes no sense, the
    /// reporter is running already, or the system gives no thread.
    pub fn start(&self) -> Result<RunningReporter> {
        self.shared.check()?;
        if self.shared.is_running.swap(true, Ordering::AcqRel) {
            return Err(Error::new(ErrorKind::Configuration, "the reporter is running already"));
        }
        let stop = Interrupt::new();
        let (sender, last_result) = sync_channel(1);
        let (shared, stopped) = (Arc::clone(&self.shared), stop.clone());
        let thread = thread::Builder::new()
            .name("apptuit-reporter".to_owned())
            .spawn(move || shared.run(&stopped, &sender));
        match thread {
            Ok(thread) => Ok(RunningReporter {
                shared: Arc::clone(&self.shared),
                stop,
                thread: Some((thread, last_result)),
            }),
            Err(error) => {
                self.shared.is_running.store(false, Ordering::Release);
                let message = format!("the reporter's thread cannot start: {error}");
                Err(Error::new(ErrorKind::Configuration, message).with_source(error))
            }
        }
    }

    /// Reports once, on this thread. Works with and without [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// Some points were not sent. Each failure went to `on_error` before; several are joined
    /// in the error returned.
    pub fn report_now(&self) -> Result<()> {
        self.shared.check()?;
        self.shared.report(&Interrupt::new())
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("interval", &self.shared.interval)
            .field("tags", &self.shared.report.tags)
            .field("is_running", &self.shared.is_running)
            .finish_non_exhaustive()
    }
}

/// A reporter with its thread. Dropping it stops it like [`stop`](Self::stop).
pub struct RunningReporter {
    shared: Arc<Shared>,
    stop: Interrupt,
    thread: Option<(JoinHandle<()>, Receiver<Result<()>>)>,
}

impl RunningReporter {
    /// Reports once more, on this thread, after a report that is under way.
    ///
    /// # Errors
    ///
    /// As [`Reporter::report_now`].
    pub fn report_now(&self) -> Result<()> {
        self.shared.report(&self.stop)
    }

    /// Reports one last time and ends the thread.
    ///
    /// A pause between retries ends at once, and the last report is tried once. If that takes longer
    /// than the stop timeout, the thread is left to end on its own.
    ///
    /// # Errors
    ///
    /// The last report failed, or [`ErrorKind::Timeout`]: it was not done in time.
    pub fn stop(mut self) -> Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        let Some((thread, last_result)) = self.thread.take() else { return Ok(()) };
        self.stop.trigger();
        if thread.thread().id() == thread::current().id() {
            // A handler or a gauge stops its own reporter: the last report follows when it returns.
            return Ok(());
        }
        let result = match last_result.recv_timeout(self.shared.stop_timeout) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.shared.stop_timeout.as_secs_f64();
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
        if let Err(error) = self.finish()
            && error.kind() == ErrorKind::Timeout
        {
            self.shared.tell(&error);
        }
    }
}

impl fmt::Debug for RunningReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningReporter")
            .field("interval", &self.shared.interval)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        let error = |message| Error::new(ErrorKind::Configuration, message);
        self.misconfigured.as_ref().map_or(Ok(()), |message| Err(error(message.clone())))
    }

    /// The thread's life: a report every interval, and a last one.
    fn run(&self, stop: &Interrupt, last_result: &SyncSender<Result<()>>) {
        let clock = &*self.report.clock;
        let mut due = clock.now();
        while !self.wait_until(due, stop) {
            // Its failures went to `on_error`.
            let _ = self.report(stop);
            due = next_due(due, clock.now(), self.interval);
        }
        let last = self.report(stop);
        self.is_running.store(false, Ordering::Release);
        // The other end is gone if stopping took too long.
        let _ = last_result.send(last);
    }

    /// Whether the reporter was stopped before `due`.
    fn wait_until(&self, due: Duration, stop: &Interrupt) -> bool {
        loop {
            let left = due.saturating_sub(self.report.clock.now());
            if stop.wait_by(&*self.report.clock, left) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    fn report(&self, interrupt: &Interrupt) -> Result<()> {
        let this = std::ptr::from_ref(self).addr();
        if REPORTING.with_borrow(|inside| inside.contains(&this)) {
            let message = "a report was asked for inside a report of the same reporter";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        REPORTING.with_borrow_mut(|inside| inside.push(this));
        let outcome = {
            let _guard = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
            let report = AssertUnwindSafe(|| self.report.run(interrupt));
            catch_unwind(report).unwrap_or_else(|panic| Outcome {
                errors: vec![panicked(&*panic)],
                ..Outcome::default()
            })
        };
        // Outside the lock: another thread's report need not wait for a handler.
        for error in outcome.errors.iter().chain(&outcome.own_error) {
            self.tell(error);
        }
        // Panics in between were caught.
        REPORTING.with_borrow_mut(Vec::pop);
        Error::joined(outcome.errors, outcome.successful, outcome.failed).map_or(Ok(()), Err)
    }

    fn tell(&self, error: &Error) {
        // A handler that panics has been told, and reporting goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.on_error)(error)));
    }
}

/// When the next report is due. Late by less than the interval keeps the rhythm; later starts a
/// new one, so that missed reports do not come in a burst.
fn next_due(due: Duration, now: Duration, interval: Duration) -> Duration {
    due.saturating_add(interval).max(now)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("a report panicked: {}", text.unwrap_or("without a message"));
    Error::new(ErrorKind::Panicked, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn reports_that_end_in_time_keep_the_rhythm() {
        assert_eq!(next_due(secs(100), secs(103), secs(10)), secs(110));
    }

    #[test]
    fn a_long_gap_is_followed_by_one_report_and_not_by_many() {
        let late = next_due(secs(100), secs(500), secs(10));
        assert_eq!(late, secs(500));
        assert_eq!(next_due(late, secs(501), secs(10)), secs(510));
    }
}
