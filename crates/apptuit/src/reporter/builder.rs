//! What a reporter is told before it is built.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::{Clock, Registry};
use apptuit_model::Tags;
use apptuit_model::limits::BATCH_POINTS;

use super::report::Report;
use super::self_metrics::SelfMetrics;
use super::stderr::StderrHandler;
use super::{Handler, PointSink, Reporter, Shared};
use crate::client::environment;
use crate::{Error, ErrorKind, Result};

const INTERVAL: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
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
    registry: Registry,
    sink: Box<dyn PointSink>,
    interval: Duration,
    stop_timeout: Duration,
    prefix: String,
    tags: Tags,
    host_tag: Option<HostTag>,
    reads_environment: bool,
    on_error: Option<Handler>,
    batch_points: usize,
    clock: Arc<dyn Clock>,
}

impl ReporterBuilder {
    pub(super) fn new(registry: Registry, sink: Box<dyn PointSink>) -> Self {
        Self {
            clock: Arc::clone(registry.clock()),
            registry,
            sink,
            interval: INTERVAL,
            stop_timeout: STOP_TIMEOUT,
            prefix: String::new(),
            tags: Tags::new(),
            host_tag: None,
            reads_environment: true,
            on_error: None,
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

    /// How long stopping waits for the last report. Default: 5 s.
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

    /// The most points of one request. Default: 50 000. Zero counts as one.
    #[must_use]
    pub fn batch_points(mut self, points: usize) -> Self {
        self.batch_points = points.max(1);
        self
    }

    /// The clock that decides when to report, and the time points carry. Default: the registry's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The reporter, not yet started.
    ///
    /// What is wrong with the settings or the environment is told by [`Reporter::start`] and
    /// [`Reporter::report_now`].
    pub fn build(self) -> Reporter {
        let tags = self.merged_tags();
        let on_error = self.on_error.unwrap_or_else(|| {
            let handler = StderrHandler::new(Arc::clone(&self.clock));
            Box::new(move |error| handler.handle(error))
        });
        let (tags, misconfigured) = match tags {
            Ok(tags) => (tags, None),
            Err(error) => (Tags::new(), Some(error.to_string())),
        };
        let misconfigured = misconfigured.or_else(|| {
            self.interval.is_zero().then(|| "the reporter's interval is zero".to_owned())
        });
        Reporter {
            shared: Arc::new(Shared {
                report: Report {
                    registry: self.registry,
                    sink: self.sink,
                    prefix: self.prefix,
                    tags,
                    batch_points: self.batch_points,
                    whole_seconds: self.interval >= Duration::from_secs(1),
                    clock: self.clock,
                    self_metrics: SelfMetrics::new(),
                },
                one_at_a_time: Mutex::new(()),
                interval: self.interval,
                stop_timeout: self.stop_timeout,
                on_error,
                misconfigured,
                is_running: AtomicBool::new(false),
            }),
        }
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
