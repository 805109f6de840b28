//! The client: Python's points and queries in, its exceptions and series out.

use std::collections::HashSet;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apptuit::client::{ContentEncoding, HttpTransport, MockTransport, PackEffort};
use apptuit::{
    Client as NativeClient, ClientBuilder, Error, RetryPolicy, Sanitizer, Tags, TimeRange,
    TimeSeries as Series, TimeSeriesName, Timestamp,
};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList};

use crate::call::interruptible;
use crate::errors::{self, value_error};
use crate::fork::OwnTransport;
use crate::points::DataPoint;
use crate::report_clock::RestingClock;
use crate::series::TimeSeries;
use crate::transport::{self, Hook, Transport};
use crate::{log, names, values};

/// Native clients that are kept, one for each timeout and number of retries.
const MAX_KEPT: usize = 8;

/// An output of a query: its id and its series.
type Output = (String, Vec<Py<TimeSeries>>);

/// A client of the service. Calls of any timeout and number of retries share its connections.
#[pyclass(frozen, module = "apptuit._native")]
pub(crate) struct Client {
    settings: Settings,
    // Locked under the interpreter's lock only, and not for long: a fork finds it unlocked.
    kept: Mutex<Kept>,
}

struct Settings {
    token: String,
    endpoint: String,
    global_tags: Tags,
    sanitizer: Sanitizer,
    user_agent: String,
    packing: (ContentEncoding, PackEffort),
    hook: Option<Arc<Hook>>,
}

/// What is made once for many calls, by one process.
#[derive(Default)]
struct Kept {
    process: u32,
    transport: Option<Transport>,
    clients: Vec<((Duration, u32), NativeClient)>,
}

impl Client {
    /// The native client with the settings of one call: the time it may take, and its retries.
    pub(crate) fn native(
        &self,
        py: Python<'_>,
        timeout: Duration,
        retries: u32,
    ) -> PyResult<NativeClient> {
        let native = self.kept(py, timeout, retries);
        native.map_err(|error| errors::of_send(py, &error, &[]))
    }

    /// A client of a reporter's own, whose threads rest where a fork may come.
    pub(crate) fn of_reporter(
        &self,
        timeout: Duration,
        retries: u32,
    ) -> Result<NativeClient, Error> {
        let transport = OwnTransport::new(self.settings.transport()?);
        let builder = self.settings.builder(timeout, retries).clock(RestingClock);
        builder.transport(transport).build()
    }

    fn kept(
        &self,
        _locked: Python<'_>,
        timeout: Duration,
        retries: u32,
    ) -> Result<NativeClient, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.process != process::id() {
            // After a fork the connections are the parent's.
            *kept = Kept { process: process::id(), ..Kept::default() };
        }
        let key = (timeout, retries);
        if let Some((_, native)) = kept.clients.iter().find(|(of, _)| *of == key) {
            return Ok(native.clone());
        }
        let transport = match &kept.transport {
            Some(transport) => transport.clone(),
            None => self.settings.transport()?,
        };
        kept.transport = Some(transport.clone());
        let native = self.settings.builder(timeout, retries).transport(transport).build()?;
        if kept.clients.len() == MAX_KEPT {
            kept.clients.remove(0);
        }
        kept.clients.push((key, native.clone()));
        Ok(native)
    }
}

impl Settings {
    fn transport(&self) -> Result<Transport, Error> {
        Ok(match &self.hook {
            Some(hook) => Transport::Python(Arc::clone(hook)),
            None => Transport::Http(Arc::new(HttpTransport::new()?)),
        })
    }

    fn builder(&self, timeout: Duration, retries: u32) -> ClientBuilder {
        NativeClient::builder()
            .ignore_environment()
            .token(&self.token)
            .endpoint(&self.endpoint)
            .global_tags(self.global_tags.clone())
            .sanitizer(self.sanitizer)
            .user_agent(&self.user_agent)
            .compression(self.packing.0)
            .pack_effort(self.packing.1)
            .timeout(timeout)
            .query_timeout(timeout)
            .retry(RetryPolicy::exponential(retries))
            .on_warning(log::warning)
    }
}

impl Client {
    /// Refuses names and values that cannot be sent, before anything is.
    ///
    /// The native client would send the others; Python's callers count on all or nothing.
    fn check<'a>(
        &self,
        named: impl Iterator<Item = (usize, (&'a TimeSeriesName, bool))>,
    ) -> PyResult<()> {
        let Settings { global_tags, sanitizer, .. } = &self.settings;
        let mut checked = HashSet::new();
        for (index, (name, finite)) in named {
            let refused =
                |why: String| value_error(format!("number {index} cannot be sent: {why}"));
            if !finite {
                return Err(refused(format!("a value of `{name}` is not finite")));
            }
            if !checked.insert(name) {
                continue;
            }
            let merged = name.with_tags(name.tags().merged_over(global_tags));
            if merged.tags().is_empty() {
                let why = "give it one, or set global tags or APPTUIT_TAGS";
                return Err(refused(format!("`{name}` has no tags: {why}")));
            }
            sanitizer.name(&merged).map_err(|error| refused(error.to_string()))?;
        }
        Ok(())
    }
}

/// The tags of the variable `APPTUIT_TAGS`.
#[pyfunction]
pub(crate) fn environment_tags(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // The only reader of the environment is the builder; this client is never used.
    let client = NativeClient::builder().token("none").endpoint("http://none");
    let client = client.transport(MockTransport::new()).build();
    let client = client.map_err(|error| errors::of_send(py, &error, &[]))?;
    client.global_tags().iter().into_py_dict(py)
}

/// The endpoint of a client that is told none.
pub(crate) fn default_endpoint() -> Result<String, Error> {
    let client = NativeClient::builder().token("none").ignore_environment();
    Ok(client.transport(MockTransport::new()).build()?.endpoint().to_owned())
}

/// How bodies are packed, by the word for it.
fn packing(word: &str) -> PyResult<(ContentEncoding, PackEffort)> {
    match word {
        "default" => Ok((ContentEncoding::Deflate, PackEffort::Default)),
        "fast" => Ok((ContentEncoding::Deflate, PackEffort::Fast)),
        "gzip" => Ok((ContentEncoding::Gzip, PackEffort::Default)),
        "none" => Ok((ContentEncoding::Identity, PackEffort::Default)),
        _ => Err(value_error(format!(
            "`{word}` is no compression: expected 'default', 'fast', 'gzip' or 'none'"
        ))),
    }
}

#[pymethods]
impl Client {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    #[pyo3(signature = (*, token, endpoint, global_tags, sanitize_mode, user_agent, compression, transport))]
    fn new(
        py: Python<'_>,
        token: String,
        endpoint: String,
        global_tags: &Bound<'_, PyDict>,
        sanitize_mode: Option<&str>,
        user_agent: String,
        compression: &str,
        transport: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let settings = Settings {
            token,
            endpoint,
            global_tags: values::tags(global_tags)?,
            sanitizer: names::sanitizer(sanitize_mode)?,
            user_agent,
            packing: packing(compression)?,
            hook: transport.map(Hook::new).transpose()?.map(Arc::new),
        };
        let client = Self { settings, kept: Mutex::default() };
        // Refuses settings that make no sense here, and not at the first call.
        client.native(py, Duration::from_secs(1), 0)?;
        Ok(client)
    }

    /// Lets go of the connections. A later call makes new ones.
    fn close(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    fn send(
        &self,
        py: Python<'_>,
        points: &Bound<'_, PyList>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<()> {
        let to_model = |point: Bound<'_, PyAny>| point.cast::<DataPoint>()?.borrow().to_model(py);
        let points = points.iter().map(to_model).collect::<PyResult<Vec<_>>>()?;
        let sent = points.iter().map(|point| (point.name(), point.value().is_finite()));
        self.check(sent.enumerate())?;
        let native = self.native(py, seconds(timeout), retry_count)?;
        let ((sent, points), raised) = interruptible(py, move |interrupt| {
            let sent = native.send_until(&points, interrupt);
            (sent, points)
        })?;
        sent.map_err(|error| transport::caused(py, errors::of_send(py, &error, &points), raised))
    }

    fn send_series(
        &self,
        py: Python<'_>,
        series: &Bound<'_, PyList>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<()> {
        let to_model = |one: Bound<'_, PyAny>| one.cast::<TimeSeries>()?.borrow().to_model(py);
        let series = series.iter().map(to_model).collect::<PyResult<Vec<_>>>()?;
        let finite = |one: &Series| one.values().iter().all(|value| value.is_finite());
        self.check(series.iter().map(|one| (one.name(), finite(one))).enumerate())?;
        let native = self.native(py, seconds(timeout), retry_count)?;
        let (sent, raised) =
            interruptible(py, move |interrupt| native.send_series_until(&series, interrupt))?;
        sent.map_err(|error| transport::caused(py, errors::of_send(py, &error, &[]), raised))
    }

    fn query(
        &self,
        py: Python<'_>,
        text: String,
        start: &Bound<'_, PyAny>,
        end: Option<&Bound<'_, PyAny>>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<Vec<Output>> {
        let start = values::timestamp(start)?;
        // Without an end up to now, the second that is under way included.
        let now = || Ok(Timestamp::from_secs(Timestamp::now().as_secs() + 1));
        let range = TimeRange::new(start, end.map_or_else(now, values::timestamp)?);
        let native = self.native(py, seconds(timeout), retry_count)?;
        let (answer, raised) =
            interruptible(py, move |interrupt| native.query_until(&text, range, interrupt))?;
        let answer =
            answer.map_err(|error| transport::caused(py, errors::of_query(py, &error), raised))?;
        answer
            .iter()
            .map(|output| {
                let series = output
                    .series()
                    .iter()
                    .map(|series| Py::new(py, TimeSeries::from_model(py, series.clone())?));
                Ok((output.id().to_owned(), series.collect::<PyResult<Vec<_>>>()?))
            })
            .collect()
    }
}

/// A number of seconds, or the longest time there is.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
