//! The reporter: what a registry says, sent at every interval by a thread of Rust's.

use std::mem;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use apptuit::client::Interrupt;
use apptuit::reporter::{FlushReport, HostTag, Ledger, OnFull, RunningReporter, SpoolOptions};
use apptuit::{Client as NativeClient, Error, ErrorKind, Reporter as NativeReporter, RetryPolicy};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client::Client;
use crate::errors::{self, value_error};
use crate::instruments::{Counter, Timer};
use crate::once::intern;
use crate::outgoing::Outgoing;
use crate::registry::MetricsRegistry;
use crate::report_clock::ReportClock;
use crate::source::Source;
use crate::{exit, fork, signals, values};

/// The longest time one batch may take, retries included.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Reports what `prepare` says through one client.
#[pyclass(frozen, module = "apptuit._native")]
pub(crate) struct Reporter {
    native: NativeReporter,
    client: NativeClient,
    clock: ReportClock,
    prepare: Py<PyAny>,
    /// Locked under the interpreter's lock only, so that no fork finds it locked.
    running: Mutex<Option<RunningReporter>>,
}

impl Reporter {
    fn take_running(&self) -> Option<RunningReporter> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Reporter {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    #[pyo3(signature = (
        *, client, interval, prefix, tags, retry_count, spool_dir, queue_points, queue_bytes,
        drop_newest, prepare, on_error
    ))]
    fn new(
        py: Python<'_>,
        client: &Bound<'_, Client>,
        interval: f64,
        prefix: String,
        tags: &Bound<'_, PyDict>,
        retry_count: u32,
        spool_dir: Option<PathBuf>,
        queue_points: Option<u64>,
        queue_bytes: Option<u64>,
        drop_newest: bool,
        prepare: Py<PyAny>,
        on_error: Py<PyAny>,
    ) -> PyResult<Self> {
        let client = client.get().of_reporter(TIMEOUT, retry_count);
        let client = client.map_err(|error| errors::of_send(py, &error, &Outgoing::default()))?;
        let clock = ReportClock::default();
        let source = Source::new(prepare.clone_ref(py), None);
        let sink = client.clone();
        let on_full = if drop_newest { OnFull::DropNewest } else { OnFull::DropOldest };
        let mut builder = NativeReporter::builder(source, sink)
            .interval(Duration::try_from_secs_f64(interval).unwrap_or(Duration::MAX))
            .prefix(prefix)
            .tags(values::tags(tags)?)
            .host_tag(HostTag::Off)
            .ignore_environment()
            .clock(clock.clone())
            .on_full(on_full)
            .on_error(move |error| tell(&on_error, error));
        if let Some(directory) = spool_dir {
            builder = builder.spool(SpoolOptions::new(directory));
        }
        if let Some(points) = queue_points {
            builder = builder.queue_points(points);
        }
        if let Some(bytes) = queue_bytes {
            builder = builder.queue_bytes(bytes);
        }
        let native = fork::detach(py, || builder.build());
        Ok(Self { native, client, clock, prepare, running: Mutex::new(None) })
    }

    /// Takes the time of reports from an object with a method `time`, or from the machine.
    fn set_clock(&self, clock: Option<Py<PyAny>>) {
        self.clock.set(clock);
    }

    /// Changes the seconds between reports, after the next.
    fn set_interval(&self, interval: f64) -> PyResult<()> {
        let interval = Duration::try_from_secs_f64(interval).unwrap_or(Duration::MAX);
        let changed = self.native.set_interval(interval);
        changed.map_err(|error| value_error(errors::text(&error)))
    }

    /// Changes what is in front of names, from the next report on.
    fn set_prefix(&self, prefix: String) {
        self.native.set_prefix(prefix);
    }

    /// Changes the tags of what is packed from now on.
    fn set_tags(&self, tags: &Bound<'_, PyDict>) -> PyResult<()> {
        self.native.set_tags(values::tags(tags)?);
        Ok(())
    }

    /// Changes the number of further tries.
    fn set_retry_count(&self, retry_count: u32) {
        self.client.set_retry(RetryPolicy::exponential(retry_count));
    }

    /// Reports at every interval, on a thread of its own, for the first time after `delay` seconds.
    /// Says whether it does so from now on: not while an earlier thread has not come to its end.
    fn start(&self, py: Python<'_>, delay: f64) -> PyResult<bool> {
        if self.native.is_running() {
            return Ok(false);
        }
        let delay = Duration::try_from_secs_f64(delay).unwrap_or_default();
        let running = fork::detach(py, || self.native.start_in(delay));
        let running = running.map_err(|error| value_error(errors::text(&error)))?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        Ok(true)
    }

    /// Reports one last time and waits for the thread to end, `timeout` seconds at most.
    ///
    /// What failed was told to `on_error`, but that it takes longer, which is returned.
    fn stop<'py>(
        &self,
        py: Python<'py>,
        timeout: f64,
    ) -> PyResult<Option<Bound<'py, pyo3::exceptions::PyBaseException>>> {
        let Some(running) = self.take_running() else { return Ok(None) };
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
        let stop = || fork::detach(py, || running.stop_within(timeout));
        let (stopped, raised) = signals::watching(py, &Interrupt::new(), stop)?;
        match (stopped, raised) {
            (_, Some(raised)) => Err(raised),
            (Err(error), None) if error.kind() == ErrorKind::Timeout && error.failed() == 0 => {
                Ok(Some(errors::of_report(py, &error).into_value(py).into_bound(py)))
            }
            _ => Ok(None),
        }
    }

    /// Reports once, on this thread, what `registry` says or else the reporter's own, as of
    /// `timestamp` or now.
    #[pyo3(signature = (registry, timestamp))]
    fn report_now(
        &self,
        py: Python<'_>,
        registry: Option<Py<PyAny>>,
        timestamp: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let instant = timestamp.map(values::timestamp).transpose()?;
        let source = Source::new(self.prepare.clone_ref(py), registry);
        let report = || fork::detach(py, || self.native.report_from(&source, instant));
        let (reported, raised) = signals::watching(py, &Interrupt::new(), report)?;
        match raised {
            Some(raised) => Err(raised),
            None => reported.map_err(|error| errors::of_whole_report(py, &error)),
        }
    }

    /// Reports and sends what waits: points delivered, spooled, queued and dropped.
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<(u64, u64, u64, u64)> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
        let flush = || fork::detach(py, || self.native.flush(timeout));
        let (flushed, raised) = signals::watching(py, &Interrupt::new(), flush)?;
        if let Some(raised) = raised {
            return Err(raised);
        }
        let FlushReport { delivered, spooled, queued, dropped, .. } =
            flushed.map_err(|error| value_error(errors::text(&error)))?;
        Ok((delivered, spooled, queued, dropped))
    }

    /// Points recorded, delivered, spooled and queued, and those dropped by reason.
    fn ledger<'py>(&self, py: Python<'py>) -> PyResult<(u64, u64, u64, u64, Bound<'py, PyDict>)> {
        let ledger: Ledger = fork::detach(py, || self.native.ledger());
        let dropped = PyDict::new(py);
        for (reason, points) in ledger.drops() {
            dropped.set_item(reason.as_str(), points)?;
        }
        let (recorded, delivered) = (ledger.recorded(), ledger.delivered());
        Ok((recorded, delivered, ledger.spooled(), ledger.queued(), dropped))
    }

    /// The numbers about sending: a timer of this name and counters of these.
    fn self_metrics(
        &self,
        py: Python<'_>,
        timer: String,
        counters: Vec<String>,
    ) -> PyResult<Py<PyAny>> {
        let (native, registry) = (self.native.self_metrics(), py.get_type::<MetricsRegistry>());
        let registry = registry.call0()?;
        for name in counters {
            let counter = Counter::over(native.counter(&*name));
            registry.call_method1(intern!(py, "add"), (name, counter))?;
        }
        let over = Timer::over(native.timer(&*timer));
        registry.call_method1(intern!(py, "add"), (timer, over))?;
        Ok(registry.unbind())
    }

    /// In the child of a fork: leaves all of it to the parent.
    #[expect(clippy::mem_forget, reason = "its threads and locks are those of another process")]
    fn abandon(&self) {
        self.native.abandon();
        mem::forget(self.native.clone());
        if let Some(running) = self.take_running() {
            mem::forget(running);
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        // Python's garbage collector does not wait for a last report.
        if let Some(running) = self.take_running() {
            let _ = thread::Builder::new().spawn(move || drop(running));
        }
    }
}

/// Stops reporters all at the same time, within `timeout` seconds: none waits for another's server.
#[pyfunction]
pub(crate) fn stop_all(py: Python<'_>, reporters: Vec<Py<Reporter>>, timeout: f64) {
    let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
    let running = reporters.into_iter().filter_map(|one| one.get().take_running());
    let running: Vec<_> = running.collect();
    // Without a pass: this thread only waits.
    py.detach(|| {
        thread::scope(|scope| {
            for running in running {
                // What failed was told.
                scope.spawn(move || drop(running.stop_within(timeout)));
            }
        });
    });
}

/// Tells Python of a failed batch, unless the interpreter is being shut down.
fn tell(on_error: &Py<PyAny>, error: &Error) {
    exit::attach(|py| {
        let exception = errors::of_report(py, error);
        if let Err(raised) = on_error.call1(py, (exception.value(py),)) {
            raised.write_unraisable(py, Some(on_error.bind(py)));
        }
    });
}
