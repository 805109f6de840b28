//! What a reporter is told before it is built.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::Tags;
use apptuit_model::limits::BATCH_POINTS;

use super::desk::Turns;
use super::outbox::Outbox;
use super::report::{Labels, Report};
use super::self_metrics::SelfMetrics;
use super::spool::{Identity, Spool, SpoolOptions};
use super::stderr::StderrHandler;
use super::waiting::{OnFull, QueueLimits};
use super::{Handler, MetricSource, NO_INTERVAL, PointSink, ProcessMetrics, Reporter, Shared};
use crate::client::environment;
use crate::{Client, Error, ErrorKind, Result};

const INTERVAL: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The time a report to another sink than a client may take, unless the interval is longer.
const REPORT_TIMEOUT: Duration = Duration::from_mins(1);
/// A report of an hourly reporter is not tried for an hour: what is left of it waits.
const MAX_REPORT_TIMEOUT: Duration = Duration::from_mins(2);
const QUEUE_POINTS: u64 = 1_000_000;
const QUEUE_BYTES: u64 = 64 << 20;
const HOST: &str = "host";

/// The tag `host` of a report. Metrics with a `host` of their own keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostTag {
    /// The name of this machine, unless a tag `host` is set for the reporter, its sink or by
    /// `APPTUIT_TAGS`.
    Hostname,
    /// No such tag is added.
    Off,
}

/// What a [`Reporter`] is told before it is built.
pub struct ReporterBuilder {
    source: Arc<dyn MetricSource>,
    sink: Arc<dyn PointSink>,
    interval: Duration,
    stop_timeout: Duration,
    queue: QueueLimits,
    spool: Option<SpoolOptions>,
    process_metrics: Option<ProcessMetrics>,
    ledger_metrics: Option<bool>,
    prefix: String,
    tags: Tags,
    host_tag: Option<HostTag>,
    reads_environment: bool,
    on_error: Option<Handler>,
    #[cfg(all(unix, feature = "sigterm"))]
    flushes_on_sigterm: bool,
    batch_points: usize,
    clock: Arc<dyn Clock>,
}

impl ReporterBuilder {
    pub(super) fn new(source: Arc<dyn MetricSource>, sink: Arc<dyn PointSink>) -> Self {
        Self {
            clock: source.clock(),
            source,
            sink,
            interval: INTERVAL,
            stop_timeout: STOP_TIMEOUT,
            queue: QueueLimits {
                points: QUEUE_POINTS,
                bytes: QUEUE_BYTES,
                on_full: OnFull::default(),
            },
            spool: None,
            process_metrics: None,
            ledger_metrics: None,
            prefix: String::new(),
            tags: Tags::new(),
            host_tag: None,
            reads_environment: true,
            on_error: None,
            #[cfg(all(unix, feature = "sigterm"))]
            flushes_on_sigterm: false,
            batch_points: BATCH_POINTS,
        }
    }

    /// The time from the start of one report to that of the next. Default: 10 s. Zero is refused
    /// by [`start`](Reporter::start).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long stopping may take, the last report included. Default: 5 s.
    #[must_use]
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout;
        self
    }

    /// Text in front of every metric's name, with its separator: `shop.`
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// A tag for every metric that has none of this key. It goes before those of the client, and
    /// those before `APPTUIT_TAGS`.
    #[must_use]
    pub fn tag(mut self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.tags = self.tags.with(key, value);
        self
    }

    /// More such tags; those of equal keys are replaced.
    #[must_use]
    pub fn tags(mut self, tags: impl Into<Tags>) -> Self {
        self.tags = tags.into().merged_over(&self.tags);
        self
    }

    /// Whether reports say on which machine they were made. Default: they do, unless the variable
    /// `APPTUIT_DISABLE_HOST_TAG` is `true`.
    #[must_use]
    pub fn host_tag(mut self, host_tag: HostTag) -> Self {
        self.host_tag = Some(host_tag);
        self
    }

    /// Reads no variable of the environment.
    #[must_use]
    pub fn ignore_environment(mut self) -> Self {
        self.reads_environment = false;
        self
    }

    /// What is told of every failure, on the thread that reports. Default: standard error, at
    /// most a line in ten seconds. A panic in it is caught.
    #[must_use]
    pub fn on_error(mut self, handler: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Box::new(handler));
        self
    }

    /// [Flushes](Reporter::flush) while it runs when the process gets SIGTERM, within the stop timeout
    /// (feature `sigterm`, Unix). Default: it does not.
    ///
    /// A handler that the program has when the first such reporter starts is called as before, inside
    /// the signal, and decides what becomes of the process; without one the process ends after the
    /// flush as it would have ended at once. Install yours before.
    #[cfg(all(unix, feature = "sigterm"))]
    #[must_use]
    pub fn flush_on_sigterm(mut self) -> Self {
        self.flushes_on_sigterm = true;
        self
    }

    /// The most points of one request. Default: 50 000. Zero counts as one.
    #[must_use]
    pub fn batch_points(mut self, points: usize) -> Self {
        self.batch_points = points.max(1);
        self
    }

    /// The most points that wait in memory because they could not be delivered. Default: 1 000 000.
    #[must_use]
    pub fn queue_points(mut self, points: u64) -> Self {
        self.queue.points = points;
        self
    }

    /// The most bytes that wait in memory, packed where a client is the sink. Default: 64 MiB.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: u64) -> Self {
        self.queue.bytes = bytes;
        self
    }

    /// What goes when the queue in memory is full. Default: [`OnFull::DropOldest`]. With a spool
    /// nothing waits in memory unless the spool cannot be written.
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.queue.on_full = on_full;
        self
    }

    /// A spool in this directory, with the default bounds.
    #[must_use]
    pub fn spool_dir(self, directory: impl Into<PathBuf>) -> Self {
        self.spool(SpoolOptions::new(directory))
    }

    /// Keeps what cannot be delivered on disk, over restarts. The sink must be a
    /// [`Client`](crate::Client). Default: a spool in the directory of the variable
    /// `APPTUIT_SPOOL_DIR`, or none if it is not set.
    #[must_use]
    pub fn spool(mut self, spool: SpoolOptions) -> Self {
        self.spool = Some(spool);
        self
    }

    /// Reports what this process takes from its machine, too. Default: it is not reported.
    #[must_use]
    pub fn process_metrics(mut self, metrics: ProcessMetrics) -> Self {
        self.process_metrics = Some(metrics);
        self
    }

    /// Whether the numbers of the [`Ledger`](super::Ledger) are reported, as
    /// `apptuit.reporter.ledger.recorded`, `.delivered`, `.spooled`, `.queued`, and `.dropped` with a
    /// tag `reason`. Default: if there is a spool.
    #[must_use]
    pub fn ledger_metrics(mut self, wanted: bool) -> Self {
        self.ledger_metrics = Some(wanted);
        self
    }

    /// The clock that decides when to report, and the time points carry. Default: the
    /// [source's](MetricSource::clock).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The reporter, not yet started. Its spool is opened here.
    ///
    /// What is wrong with the settings or the environment is told by [`Reporter::start`] and
    /// [`Reporter::report_now`].
    pub fn build(self) -> Reporter {
        let (tags, tags_error) = settled(self.merged_tags());
        let (spool, spool_error) = settled(self.open_spool());
        let no_interval = self.interval.is_zero().then(|| NO_INTERVAL.to_owned());
        let ledger_metrics = self.ledger_metrics.unwrap_or(spool.is_some());
        let (sink, clock) = (self.sink, self.clock);
        let on_error = self.on_error.unwrap_or_else(|| {
            let handler = StderrHandler::new(Arc::clone(&clock));
            Box::new(move |error| handler.handle(error))
        });
        let timeout = sink.client().map_or(REPORT_TIMEOUT, Client::timeout);
        Reporter {
            shared: Arc::new(Shared {
                report: Report {
                    source: self.source,
                    outbox: Outbox::new(Arc::clone(&sink), spool, self.queue, Arc::clone(&clock)),
                    sink,
                    labels: Mutex::new(Labels { prefix: self.prefix, tags }),
                    interval: Mutex::new(self.interval),
                    batch_points: self.batch_points,
                    clock,
                    process_metrics: self.process_metrics,
                    self_metrics: SelfMetrics::new(ledger_metrics),
                },
                turns: Turns::default(),
                stop_timeout: self.stop_timeout,
                report_timeout: timeout.max(self.interval.min(MAX_REPORT_TIMEOUT)),
                on_error,
                #[cfg(all(unix, feature = "sigterm"))]
                flushes_on_sigterm: self.flushes_on_sigterm,
                misconfigured: tags_error.or(spool_error).or(no_interval),
                is_running: AtomicBool::new(false),
            }),
        }
    }

    fn open_spool(&self) -> Result<Option<Spool>> {
        let directory = || environment::spool_dir().filter(|_| self.sink.client().is_some());
        let options = match &self.spool {
            Some(options) => Some(options.clone()),
            None if self.reads_environment => directory().map(SpoolOptions::new),
            None => None,
        };
        let Some(options) = options else { return Ok(None) };
        let client = self.sink.client().ok_or_else(|| {
            let message = "a spool needs a client as the sink of the reporter, which makes the \
                           bodies that are kept";
            Error::new(ErrorKind::Configuration, message)
        })?;
        let identity = Identity::new(client.endpoint(), client.token());
        Spool::open(options, identity, Arc::clone(&self.clock)).map(Some)
    }

    /// Environment, under sink, under reporter; and the host if nobody set one.
    fn merged_tags(&self) -> Result<Tags> {
        let lowest = if self.reads_environment { environment::tags()? } else { Tags::new() };
        let tags = self.tags.merged_over(&self.sink.global_tags()).merged_over(&lowest);
        let wants_host = match &self.host_tag {
            Some(host_tag) => *host_tag == HostTag::Hostname,
            None => !(self.reads_environment && environment::host_tag_is_disabled()?),
        };
        if !wants_host || tags.get(HOST).is_some() {
            return Ok(tags);
        }
        let hostname = gethostname::gethostname().into_string().map_err(|name| {
            let name = name.display();
            let message = format!("the hostname `{name}` is not Unicode: set a tag `{HOST}`");
            Error::new(ErrorKind::Configuration, message)
        })?;
        Ok(tags.with(HOST, hostname))
    }
}

/// The value, or the default and what is wrong.
fn settled<T: Default>(result: Result<T>) -> (T, Option<String>) {
    match result {
        Ok(value) => (value, None),
        Err(error) => (T::default(), Some(error.to_string())),
    }
}

impl fmt::Debug for ReporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReporterBuilder")
            .field("interval", &self.interval)
            .field("prefix", &self.prefix)
            .field("tags", &self.tags)
            .field("host_tag", &self.host_tag)
            .finish_non_exhaustive()
    }
}
