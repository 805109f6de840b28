//! The client: Python's points and queries in, its exceptions and series out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{mem, process};

use apptuit::client::{ContentEncoding, HttpTransport, MockTransport, PackEffort};
use apptuit::{
    Client as NativeClient, ClientBuilder, Error, RetryPolicy, Sanitizer, Tags, TimeRange,
    Timestamp,
};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList, PyString};

use crate::call::interruptible;
use crate::errors::{self, value_error};
use crate::fork::OwnTransport;
use crate::outgoing::{self, Outgoing, Rules};
use crate::report_clock::RestingClock;
use crate::series::TimeSeries;
use crate::signals::SignalClock;
use crate::transport::{self, Hook, Transport};
use crate::{log, names, values};

/// Native clients that are kept, one for each timeout, number of retries and way to pack.
const MAX_KEPT: usize = 8;

/// The outputs of a query, each an id and its series, and what the server advises.
type Answer<'py> = (Vec<(String, Vec<Bound<'py, TimeSeries>>)>, Vec<String>);

/// A client of the service. Calls of any timeout and number of retries share its connections.
#[pyclass(frozen, module = "apptuit._native")]
pub(crate) struct Client {
    settings: Settings,
    // Locked under the interpreter's lock only, and while no code of Python's can run: a fork finds it
    // unlocked.
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
    clients: Vec<((Duration, u32, PackEffort), NativeClient)>,
}

impl Client {
    /// The native client with the settings of one call: the time it may take, and its retries.
    pub(crate) fn native(
        &self,
        py: Python<'_>,
        timeout: Duration,
        retries: u32,
    ) -> PyResult<NativeClient> {
        let native = self.kept(py, timeout, retries, self.settings.packing.1);
        native.map_err(|error| errors::of_send(py, &error, &Outgoing::default()))
    }

    fn send_all(
        &self,
        py: Python<'_>,
        sent: Outgoing,
        effort: PackEffort,
        (timeout, retries): (Duration, u32),
    ) -> PyResult<()> {
        let native = self.kept(py, timeout, retries, effort);
        let native = native.map_err(|error| errors::of_send(py, &error, &Outgoing::default()))?;
        let ((result, sent), raised) = interruptible(py, move |interrupt| {
            let result = sent.send(&native, interrupt);
            // Only errors ask for them.
            let sent = if result.is_ok() { Outgoing::default() } else { sent };
            (result, sent)
        })?;
        result.map_err(|error| transport::caused(py, errors::of_send(py, &error, &sent), raised))
    }

    fn rules(&self) -> Rules<'_> {
        let Settings { global_tags, sanitizer, .. } = &self.settings;
        Rules { global_tags, sanitizer: *sanitizer }
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

    #[expect(clippy::mem_forget, reason = "what other threads of a parent used is not touched")]
    fn kept(
        &self,
        _locked: Python<'_>,
        timeout: Duration,
        retries: u32,
        effort: PackEffort,
    ) -> Result<NativeClient, Error> {
        let key = (timeout, retries, effort);
        let transport = {
            let mut kept = self.lock();
            if kept.process != process::id() {
                // After a fork the connections are the parent's, in the state the fork found them in.
                let own = Kept { process: process::id(), ..Kept::default() };
                mem::forget(mem::replace(&mut *kept, own));
            }
            if let Some((_, native)) = kept.clients.iter().find(|(of, _)| *of == key) {
                return Ok(native.clone());
            }
            kept.transport.clone()
        };
        let transport = transport.map_or_else(|| self.settings.transport(), Ok)?;
        // It may log, by code of Python's: not under the lock.
        let builder =
            self.settings.builder(timeout, retries).pack_effort(effort).clock(SignalClock);
        let native = builder.transport(transport.clone()).build()?;
        let mut kept = self.lock();
        kept.transport.get_or_insert(transport);
        let surplus = kept.clients.len() >= MAX_KEPT;
        let old = surplus.then(|| kept.clients.remove(0));
        kept.clients.push((key, native.clone()));
        drop(kept);
        drop(old);
        Ok(native)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
            .unchecked_series()
            .user_agent(&self.user_agent)
            .compression(self.packing.0)
            .pack_effort(self.packing.1)
            .timeout(timeout)
            .query_timeout(timeout)
            .retry(RetryPolicy::exponential(retries))
            .on_warning(log::warning)
    }
}

/// The tags of the variable `APPTUIT_TAGS`.
#[pyfunction]
pub(crate) fn environment_tags(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    // The only reader of the environment is the builder; this client is never used.
    let client = NativeClient::builder().token("none").endpoint("http://none");
    let client = client.transport(MockTransport::new()).build();
    let client = client.map_err(|error| errors::of_send(py, &error, &Outgoing::default()))?;
    client.global_tags().iter().into_py_dict(py)
}

/// The endpoint of a client that is told none.
pub(crate) fn default_endpoint() -> Result<String, Error> {
    let client = NativeClient::builder().token("none").ignore_environment();
    Ok(client.transport(MockTransport::new()).build()?.endpoint().to_owned())
}

/// How bodies are packed, by the word for it.
fn packing(word: &Bound<'_, PyAny>) -> PyResult<(ContentEncoding, PackEffort)> {
    match word.extract::<String>().unwrap_or_default().as_str() {
        "default" => Ok((ContentEncoding::Deflate, PackEffort::Default)),
        "fast" => Ok((ContentEncoding::Deflate, PackEffort::Fast)),
        "gzip" => Ok((ContentEncoding::Gzip, PackEffort::Default)),
        "none" => Ok((ContentEncoding::Identity, PackEffort::Default)),
        _ => Err(value_error(format!(
            "`{}` is no compression: expected 'default', 'fast', 'gzip' or 'none'",
            values::shown(word)
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
        compression: &Bound<'_, PyAny>,
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
        let old = mem::take(&mut *self.lock());
        drop(old);
    }

    fn send(
        &self,
        py: Python<'_>,
        points: &Bound<'_, PyList>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<()> {
        let sent = outgoing::points(points, &self.rules())?;
        self.send_all(py, sent, self.settings.packing.1, (seconds(timeout), retry_count))
    }

    fn send_series(
        &self,
        py: Python<'_>,
        series: &Bound<'_, PyList>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<()> {
        let sent = outgoing::series(series, &self.rules())?;
        // Packed faster they would become half as large again, and little sooner done.
        self.send_all(py, sent, PackEffort::Default, (seconds(timeout), retry_count))
    }

    /// Refuses points that cannot be sent, and sends none.
    fn check(&self, points: &Bound<'_, PyList>) -> PyResult<()> {
        outgoing::points(points, &self.rules()).map(drop)
    }

    /// Refuses series that cannot be sent, and sends none.
    fn check_series(&self, series: &Bound<'_, PyList>) -> PyResult<()> {
        outgoing::series(series, &self.rules()).map(drop)
    }

    fn query<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'_, PyString>,
        start: &Bound<'_, PyAny>,
        end: Option<&Bound<'_, PyAny>>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<Answer<'py>> {
        let text = values::text("the query", text)?.into_owned();
        let start = values::timestamp(start)?;
        // Without an end up to now, the second that is under way included.
        let now = || Ok(Timestamp::from_secs(Timestamp::now().as_secs() + 1));
        let range = TimeRange::new(start, end.map_or_else(now, values::timestamp)?);
        let native = self.native(py, seconds(timeout), retry_count)?;
        let (answer, raised) =
            interruptible(py, move |interrupt| native.query_until(&text, range, interrupt))?;
        let answer =
            answer.map_err(|error| transport::caused(py, errors::of_query(py, &error), raised))?;
        let hints = answer.hints().to_vec();
        let output = |output: apptuit::Output| {
            let id = output.id().to_owned();
            let mut all: Vec<Bound<'_, TimeSeries>> = Vec::new();
            for series in output.into_series() {
                all.push(Bound::new(py, TimeSeries::from_model(py, series, all.last())?)?);
            }
            Ok((id, all))
        };
        Ok((answer.into_iter().map(output).collect::<PyResult<Vec<_>>>()?, hints))
    }
}

/// A number of seconds, or the longest time there is.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
