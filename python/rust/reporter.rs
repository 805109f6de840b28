//! The reporter: a registry's instruments, sent at every interval by a thread of Rust's.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use apptuit::metrics::{Clock, SystemClock};
use apptuit::reporter::{HostTag, ReporterBuilder, RunningReporter};
use apptuit::{Error, Reporter as NativeReporter, Tags, Timestamp};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client::Client;
use crate::errors;
use crate::exit::ParkInsteadOfUnwinding;
use crate::registry::{self, MetricsRegistry};
use crate::values;

/// The longest time one batch may take, retries included.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Reports one registry through one client.
#[pyclass(frozen, module = "apptuit._native")]
pub(crate) struct Reporter {
    registry: Py<MetricsRegistry>,
    client: Py<Client>,
    interval: Duration,
    prefix: String,
    tags: Tags,
    retry_count: u32,
    on_error: Py<PyAny>,
    on_unreadable: Py<PyAny>,
    running: Mutex<Option<RunningReporter>>,
    native: OnceLock<NativeReporter>,
}

/// A clock that stands still, for a report of another time than now.
#[derive(Debug)]
struct StandingClock(Timestamp);

impl Clock for StandingClock {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        self.0
    }
}

impl Reporter {
    fn builder(&self, py: Python<'_>) -> PyResult<ReporterBuilder> {
        let client = self.client.get().native(py, TIMEOUT, self.retry_count)?;
        let on_error = self.on_error.clone_ref(py);
        Ok(NativeReporter::builder(self.registry.get().native().clone(), client)
            .interval(self.interval)
            .prefix(&self.prefix)
            .tags(self.tags.clone())
            .host_tag(HostTag::Off)
            .ignore_environment()
            .on_error(move |error| tell(&on_error, error)))
    }
}

impl Reporter {
    /// The one native reporter of the thread and of `report_now`, which counts for both.
    fn native(&self, py: Python<'_>) -> PyResult<NativeReporter> {
        if let Some(native) = self.native.get() {
            return Ok(native.clone());
        }
        let built = self.builder(py)?.build();
        Ok(self.native.get_or_init(|| built).clone())
    }
}

#[pymethods]
impl Reporter {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    #[pyo3(signature = (*, registry, client, interval, prefix, tags, retry_count, on_error, on_unreadable))]
    fn new(
        registry: Py<MetricsRegistry>,
        client: Py<Client>,
        interval: f64,
        prefix: String,
        tags: &Bound<'_, PyDict>,
        retry_count: u32,
        on_error: Py<PyAny>,
        on_unreadable: Py<PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            registry,
            client,
            interval: Duration::try_from_secs_f64(interval).unwrap_or(Duration::MAX),
            prefix,
            tags: values::tags(tags)?,
            retry_count,
            on_error,
            on_unreadable,
            running: Mutex::new(None),
            native: OnceLock::new(),
        })
    }

    /// Reports now and at every interval, on a thread of its own.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let reporter = self.native(py)?;
        self.registry.get().listen(self.on_unreadable.clone_ref(py));
        match py.detach(|| reporter.start()) {
            Ok(running) => {
                *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
                Ok(())
            }
            Err(error) => {
                self.registry.get().unlisten(&self.on_unreadable);
                Err(PyRuntimeError::new_err(error.to_string()))
            }
        }
    }

    /// Reports one last time and waits for the thread to end.
    fn stop(&self, py: Python<'_>) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            // What failed was told to `on_error`.
            py.detach(|| drop(running));
            self.registry.get().unlisten(&self.on_unreadable);
        }
    }

    /// Reports once, on this thread, as of `timestamp` or now.
    #[pyo3(signature = (timestamp))]
    fn report_now(&self, py: Python<'_>, timestamp: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let reporter = match timestamp {
            Some(timestamp) => {
                self.builder(py)?.clock(StandingClock(values::timestamp(timestamp)?)).build()
            }
            None => self.native(py)?,
        };
        let (reported, unreadable) = registry::collecting(|| py.detach(|| reporter.report_now()));
        for (name, error) in unreadable {
            self.on_unreadable.call1(py, (name, error.value(py)))?;
        }
        reported.map_err(|error| errors::of_report(py, &error))
    }
}

/// Tells Python of a failed batch, unless the interpreter is being shut down.
fn tell(on_error: &Py<PyAny>, error: &Error) {
    Python::try_attach(|py| {
        let parked = ParkInsteadOfUnwinding::new();
        let exception = errors::of_report(py, error);
        if let Err(raised) = on_error.call1(py, (exception.value(py),)) {
            raised.write_unraisable(py, Some(on_error.bind(py)));
        }
        parked.done();
    });
}
