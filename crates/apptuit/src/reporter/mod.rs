//! The reporter: every interval, instruments become points and go to a sink.

mod builder;
mod desk;
mod flush;
mod ledger;
mod outbox;
mod pace;
mod parcel;
mod process_metrics;
mod report;
mod running;
mod self_metrics;
#[cfg(all(unix, feature = "sigterm"))]
mod sigterm;
mod sink;
mod source;
mod spool;
mod stderr;
mod waiting;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apptuit_metrics::{Clock, Registry, SystemClock};
use apptuit_model::{Tags, Timestamp};

pub use builder::{HostTag, ReporterBuilder};
pub use flush::FlushReport;
pub use ledger::{DropReason, Ledger};
pub use process_metrics::ProcessMetrics;
pub use running::RunningReporter;
pub use sink::PointSink;
pub use source::MetricSource;
#[cfg(feature = "testing")]
pub(crate) use spool::rewritten as rewritten_spool_file;
pub use spool::{DamagedFile, Drained, Drawer, SpoolDirectory, SpoolOptions};
pub use waiting::OnFull;

use self::desk::{Turns, lock};
use self::outbox::{Replayed, Trip};
use self::report::{Occasion, Outcome, Report, Subject};
use crate::client::Interrupt;
use crate::{Error, ErrorKind, Result};

/// Sends what a registry holds: on request, or every interval from a thread of its own.
///
/// Names, tags and batches: [`ReporterBuilder`]. With every report that has points go metrics about
/// the reporter: the counters `apptuit.reporter.send.total`, `.successful` and `.failed` of points,
/// the timer `apptuit.reporter.send.time` of requests, and, if there is a spool or
/// [they are asked for](ReporterBuilder::ledger_metrics), the numbers of the [`Ledger`].
///
/// A metric that cannot be sent is skipped and told to `on_error`; values that are not finite, as
/// a gauge that was never set has, are left out silently and counted. A batch that fails does not
/// keep the later ones back.
///
/// # Nothing lost
///
/// What cannot be delivered waits, in memory up to the [bounds](ReporterBuilder::queue_points) of the
/// queue or, with a [spool](ReporterBuilder::spool), on disk. It is sent when the server is back, by the
/// thread or by a [`flush`](Self::flush): the oldest first, one batch at a time between fresh reports,
/// with the timestamps it had. It is the
/// same body each time, with the same idempotency key, so that a server that knows keys stores it
/// once. Only what is refused for its own sake is not tried again. [`ledger`](Self::ledger) says
/// what became of every point.
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

const NO_INTERVAL: &str = "the reporter's interval is zero";

/// What is told of failures.
type Handler = Box<dyn Fn(&Error) + Send + Sync>;

/// Everything of a reporter but its thread, which [`RunningReporter`] holds: all locks and all that
/// waits are reached from here.
struct Shared {
    report: Report,
    /// Taken for a report and for each delivery of what waits, so that counts do not mix.
    turns: Turns,
    stop_timeout: Duration,
    /// The time one report may take to be delivered; what is left then waits.
    report_timeout: Duration,
    on_error: Handler,
    #[cfg(all(unix, feature = "sigterm"))]
    flushes_on_sigterm: bool,
    /// What is wrong with the settings.
    misconfigured: Option<String>,
    is_running: AtomicBool,
}

impl Reporter {
    /// A reporter of `source`, a [`Registry`] as a rule, to `sink`, a
    /// [`Client`](crate::Client) as a rule.
    pub fn builder(
        source: impl MetricSource + 'static,
        sink: impl PointSink + 'static,
    ) -> ReporterBuilder {
        ReporterBuilder::new(Arc::new(source), Arc::new(sink))
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
        self.start_in(Duration::ZERO)
    }

    /// Starts, with the first report after `delay`. The last one is made however early it is stopped.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_in(&self, delay: Duration) -> Result<RunningReporter> {
        self.shared.check()?;
        if self.shared.is_running.swap(true, Ordering::AcqRel) {
            return Err(Error::new(ErrorKind::Configuration, "the reporter is running already"));
        }
        #[cfg(all(unix, feature = "sigterm"))]
        if self.shared.flushes_on_sigterm
            && let Err(error) = sigterm::flush_on_sigterm(Arc::downgrade(&self.shared))
        {
            self.shared.is_running.store(false, Ordering::Release);
            return Err(error);
        }
        RunningReporter::start(&self.shared, delay)
    }

    /// Whether its thread is there, be it only to end.
    pub fn is_running(&self) -> bool {
        self.shared.is_running.load(Ordering::Acquire)
    }

    /// Reports once, on this thread. Works with and without [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// Some points were not sent. Each failure went to `on_error` before; several are joined
    /// in the error returned.
    pub fn report_now(&self) -> Result<()> {
        self.report_from(&*self.shared.report.source, None)
    }

    /// Reports once what another source has, as of `instant` or now. Tags, queue, account and the
    /// numbers about sending are those of this reporter.
    ///
    /// # Errors
    ///
    /// As [`report_now`](Self::report_now).
    pub fn report_from(&self, source: &dyn MetricSource, instant: Option<Timestamp>) -> Result<()> {
        self.shared.check()?;
        let subject = Subject { source, instant };
        self.shared.report(subject, Occasion::Asked, &self.shared.trip(&Interrupt::new()))
    }

    /// Reports, and sends what waits, until all of it is delivered or `timeout` is over. Works with
    /// and without [`start`](Self::start), and does not take longer whatever the server does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`]: as for [`start`](Self::start). What could not be delivered is no
    /// error: the report tells.
    pub fn flush(&self, timeout: Duration) -> Result<FlushReport> {
        self.shared.check()?;
        Ok(flush::flush(&self.shared, timeout))
    }

    /// Changes the [prefix](ReporterBuilder::prefix), from the next report on.
    pub fn set_prefix(&self, prefix: impl Into<String>) {
        lock(&self.shared.report.labels).prefix = prefix.into();
    }

    /// Gives these tags to all points that are packed from now on, in place of those it was built with,
    /// the host's and those of the environment among them.
    pub fn set_tags(&self, tags: impl Into<Tags>) {
        lock(&self.shared.report.labels).tags = tags.into();
    }

    /// Changes the [interval](ReporterBuilder::interval), from the end of the next report on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`]: it is zero.
    pub fn set_interval(&self, interval: Duration) -> Result<()> {
        if interval.is_zero() {
            return Err(Error::new(ErrorKind::Configuration, NO_INTERVAL));
        }
        *lock(&self.shared.report.interval) = interval;
        Ok(())
    }

    /// What became of every point so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.report.outbox.books().ledger()
    }

    /// The instruments it counts its own sending with.
    pub fn self_metrics(&self) -> &Registry {
        &self.shared.report.self_metrics.registry
    }

    /// In the child of a fork, lets go of what belongs to the parent: what waits, in memory and in
    /// the spool. Nothing is sent or written, and no thread is waited for.
    ///
    /// The child makes a reporter of its own. This one is of no use any more, and should not be
    /// dropped but [forgotten](std::mem::forget), as should its [`RunningReporter`]: their threads
    /// are not there in the child.
    pub fn abandon(&self) {
        self.shared.report.outbox.abandon();
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("interval", &self.shared.report.interval())
            .field("tags", &self.shared.report.labels().tags)
            .field("is_running", &self.shared.is_running)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn check(&self) -> Result<()> {
        let error = |message| Error::new(ErrorKind::Configuration, message);
        self.misconfigured.as_ref().map_or(Ok(()), |message| Err(error(message.clone())))
    }

    /// A delivery that may take as long as a report may.
    fn trip<'t>(&self, interrupt: &'t Interrupt) -> Trip<'t> {
        let deadline = SystemClock.now().saturating_add(self.report_timeout);
        Trip { deadline, interrupt, desk: None }
    }

    /// Reports, and tells what failed.
    fn report(&self, subject: Subject<'_>, occasion: Occasion, trip: &Trip<'_>) -> Result<()> {
        let this = std::ptr::from_ref(self).addr();
        if REPORTING.with_borrow(|inside| inside.contains(&this)) {
            let message = "a report was asked for inside a report of the same reporter";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let Some(turn) = self.turns.take(trip.deadline, &*self.report.clock) else {
            let message = "another report or delivery is not done in time";
            return Err(Error::new(ErrorKind::Timeout, message));
        };
        REPORTING.with_borrow_mut(|inside| inside.push(this));
        let report = AssertUnwindSafe(|| self.report.run(subject, occasion, trip));
        let outcome = catch_unwind(report).unwrap_or_else(|panic| Outcome {
            errors: vec![panicked(&*panic)],
            ..Outcome::default()
        });
        drop(turn);
        // Out of turn: another thread's report need not wait for a handler.
        for error in outcome.errors.iter().chain(&outcome.notices) {
            self.tell(error);
        }
        // Panics in between were caught.
        REPORTING.with_borrow_mut(Vec::pop);
        Error::joined(outcome.errors, outcome.successful, outcome.failed).map_or(Ok(()), Err)
    }

    /// Sends what has waited longest, and tells what went wrong but that the server still fails,
    /// which every report tells.
    fn replay(&self, trip: &Trip<'_>) -> Replayed {
        let Some(turn) = self.turns.take(trip.deadline, &*self.report.clock) else {
            return Replayed::Failed(None);
        };
        let mut notices = Vec::new();
        let replayed = self.report.outbox.replay(trip, &mut notices);
        drop(turn);
        for error in &notices {
            self.tell(error);
        }
        replayed
    }

    fn tell(&self, error: &Error) {
        // A handler that panics has been told, and reporting goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.on_error)(error)));
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("a report panicked: {}", text.unwrap_or("without a message"));
    Error::new(ErrorKind::Panicked, message)
}
