//! The client: Python's points and queries in, its exceptions and series out.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use apptuit::client::{HttpTransport, MockTransport, Request, Response, Transport, TransportError};
use apptuit::{
    Client as NativeClient, Error, RetryPolicy, Sanitizer, Tags, TimeRange, TimeSeries as Series,
    TimeSeriesName, Timestamp,
};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList};

use crate::errors::{self, value_error};
use crate::names;
use crate::points::DataPoint;
use crate::series::TimeSeries;
use crate::values;

/// An output of a query: its id and its series.
type Output = (String, Vec<Py<TimeSeries>>);

/// A client of the service. Calls of any timeout and number of retries share its connections.
#[pyclass(frozen, module = "apptuit._native")]
pub(crate) struct Client {
    settings: Settings,
    transport: SharedTransport,
}

struct Settings {
    token: String,
    endpoint: String,
    global_tags: Tags,
    sanitizer: Sanitizer,
    user_agent: String,
}

/// A pool of connections that several native clients use.
#[derive(Clone, Debug)]
struct SharedTransport(Arc<HttpTransport>);

impl Transport for SharedTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.0.send(request)
    }
}

impl Client {
    /// The native client with the settings of one call: the time it may take, and its retries.
    pub(crate) fn native(&self, timeout: Duration, retries: u32) -> Result<NativeClient, Error> {
        let Settings { token, endpoint, global_tags, sanitizer, user_agent } = &self.settings;
        NativeClient::builder()
            .ignore_environment()
            .token(token)
            .endpoint(endpoint)
            .global_tags(global_tags.clone())
            .sanitizer(*sanitizer)
            .user_agent(user_agent)
            .timeout(timeout)
            .query_timeout(timeout)
            .retry(RetryPolicy::exponential(retries))
            .transport(self.transport.clone())
            .build()
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

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (*, token, endpoint, global_tags, sanitize_mode, user_agent))]
    fn new(
        py: Python<'_>,
        token: String,
        endpoint: String,
        global_tags: &Bound<'_, PyDict>,
        sanitize_mode: Option<&str>,
        user_agent: String,
    ) -> PyResult<Self> {
        let global_tags = values::tags(global_tags)?;
        let sanitizer = names::sanitizer(sanitize_mode)?;
        let transport = HttpTransport::new().map_err(|error| errors::of_send(py, &error, &[]))?;
        let client = Self {
            settings: Settings { token, endpoint, global_tags, sanitizer, user_agent },
            transport: SharedTransport(Arc::new(transport)),
        };
        // Refuses settings that make no sense here, and not at the first call.
        client
            .native(Duration::from_secs(1), 0)
            .map_err(|error| errors::of_send(py, &error, &[]))?;
        Ok(client)
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
        py.detach(|| self.native(seconds(timeout), retry_count)?.send(&points))
            .map_err(|error| errors::of_send(py, &error, &points))
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
        py.detach(|| self.native(seconds(timeout), retry_count)?.send_series(&series))
            .map_err(|error| errors::of_send(py, &error, &[]))
    }

    fn query(
        &self,
        py: Python<'_>,
        text: &str,
        start: &Bound<'_, PyAny>,
        end: Option<&Bound<'_, PyAny>>,
        timeout: f64,
        retry_count: u32,
    ) -> PyResult<Vec<Output>> {
        let start = values::timestamp(start)?;
        // Without an end up to now, the second that is under way included.
        let now = || Ok(Timestamp::from_secs(Timestamp::now().as_secs() + 1));
        let range = TimeRange::new(start, end.map_or_else(now, values::timestamp)?);
        let answer = py
            .detach(|| self.native(seconds(timeout), retry_count)?.query(text, range))
            .map_err(|error| errors::of_query(py, &error))?;
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
