//! The measurements of a timer.

use apptuit::metrics::Start;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::once::intern;

use super::amount::Said;
use super::timer::{Durations, Timer};

/// When a measurement began.
#[derive(Clone, Copy)]
enum Started {
    Native(Start),
    /// In seconds of Python's clock.
    Given(f64),
}

/// What the signal is told: arguments by position and by name.
type Arguments = (Py<PyTuple>, Option<Py<PyDict>>);

/// One measurement of a timer, under way.
#[pyclass(frozen, module = "apptuit.metrics")]
pub(crate) struct TimerContext {
    timer: Py<Timer>,
    started: Started,
    said: Option<Box<Arguments>>,
}

impl TimerContext {
    /// Begins a measurement.
    pub(super) fn begin(
        timer: &Bound<'_, Timer>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let durations = timer.get().durations();
        let started = match &durations.given.clock {
            Some(clock) => Started::Given(clock.read(timer.py())?),
            None => Started::Native(durations.native.instant()),
        };
        // Only the signal is told of them.
        let said = durations.threshold.is_some().then(|| {
            Box::new((args.clone().unbind(), kwargs.map(|kwargs| kwargs.clone().unbind())))
        });
        Ok(Self { timer: timer.clone().unbind(), started, said })
    }

    #[inline]
    fn finish(&self, py: Python<'_>) -> PyResult<f64> {
        let durations = self.timer.get().durations();
        match self.started {
            Started::Native(start) if durations.is_plain => {
                Ok(durations.native.record_since(start).unwrap_or_default().as_secs_f64())
            }
            started => self.finish_aloud(py, durations, started),
        }
    }

    /// Ends a measurement that Python's clock, sample, sink or signal is part of.
    #[inline(never)]
    fn finish_aloud(
        &self,
        py: Python<'_>,
        durations: &Durations,
        started: Started,
    ) -> PyResult<f64> {
        let elapsed = match (started, &durations.given.clock) {
            (Started::Given(started), Some(clock)) => clock.read(py)? - started,
            (Started::Native(start), _) => durations.native.since(start).as_secs_f64(),
            (Started::Given(_), None) => 0.0,
        };
        durations.record(py, elapsed)?;
        let threshold = durations.threshold.filter(|threshold| *threshold != 0.0);
        if let (Some(threshold), Some(said)) = (threshold, &self.said)
            && threshold < elapsed
        {
            let (args, kwargs) = &**said;
            // Who listens has imported it, wholly.
            let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?;
            if let Some(signals) = modules.cast::<PyDict>()?.get_item("apptuit.metrics._signals")?
                && let Some(send) = signals.getattr_opt(intern!(py, "send"))?
            {
                send.call1((&self.timer, elapsed, args, kwargs))?;
            }
        }
        Ok(elapsed)
    }
}

#[pymethods]
impl TimerContext {
    /// Records the time since the start and returns it, in seconds.
    fn stop(&self, py: Python<'_>) -> PyResult<f64> {
        self.finish(py)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (exc_type, exc, traceback))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: Said<'_, '_>,
        exc: Said<'_, '_>,
        traceback: Said<'_, '_>,
    ) -> PyResult<()> {
        // An exception in the block is measured like any other way out of it, and goes on.
        let _ = (exc_type, exc, traceback);
        self.finish(py).map(drop)
    }

    /// The timer it is a measurement of.
    #[getter]
    fn timer(&self, py: Python<'_>) -> Py<Timer> {
        self.timer.clone_ref(py)
    }
}
