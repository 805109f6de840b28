//! Clocks that Python hands in.
//!
//! The native instruments read their clock while they hold locks, and whoever waits for Python's lock
//! must hold none. So Python's clock is read first, under Python's lock, and then shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apptuit::Timestamp;
use apptuit::metrics::{Clock, SystemClock};
use pyo3::prelude::*;
use pyo3::types::PyModule;
use pyo3::{PyTraverseError, PyVisit};

use crate::errors::{type_error, value_error};
use crate::once::{Once, intern};
use crate::values;

/// Where the first reading of a clock stands: it may be turned back by ten years.
const BASE: f64 = 10.0 * 365.0 * 86400.0;

/// Any object with a method `time()` that returns seconds, and what it last said.
pub(crate) struct GivenClock {
    object: Py<PyAny>,
    origin: f64,
    shown: Shown,
}

/// What a clock of Python's last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown(Arc<AtomicU64>);

impl Clock for Shown {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn timestamp(&self) -> Timestamp {
        SystemClock.timestamp()
    }
}

impl GivenClock {
    /// The clock, read once; `None` if it is not given, or the module `time`: then instruments
    /// measure by the machine's monotonic clock.
    pub(crate) fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
        if given.is(module_time(given.py())?) {
            return Ok(None);
        }
        if !given.hasattr(intern!(given.py(), "time"))? {
            let shown = values::shown(given);
            return Err(type_error(format!(
                "`{shown}` is no clock: expected an object with `time()`, seconds"
            )));
        }
        let origin = read(given)?;
        let clock = Self { object: given.clone().unbind(), origin, shown: Shown::default() };
        clock.show(origin);
        Ok(Some(clock))
    }

    /// What the native instruments read.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.clone()
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    /// Reads the clock, in seconds, and shows what it says.
    pub(crate) fn read(&self, py: Python<'_>) -> PyResult<f64> {
        let seconds = read(self.object.bind(py))?;
        self.show(seconds);
        Ok(seconds)
    }

    /// The seconds of the clock that an instant shown stands for.
    pub(crate) fn seconds(&self, instant: Duration) -> f64 {
        instant.as_secs_f64() - BASE + self.origin
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    fn show(&self, seconds: f64) {
        let nanos = (seconds - self.origin + BASE) * 1e9;
        self.shown.0.store(nanos.round() as u64, Ordering::Relaxed);
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.object)
    }
}

/// Reads a clock that may not be given, before an instrument that looks at it is asked.
pub(crate) fn refresh(py: Python<'_>, clock: Option<&GivenClock>) -> PyResult<()> {
    clock.map_or(Ok(()), |clock| clock.read(py).map(drop))
}

/// The clock as Python sees it: the module `time` if none was given.
pub(crate) fn object(py: Python<'_>, clock: Option<&GivenClock>) -> PyResult<Py<PyAny>> {
    match clock {
        Some(clock) => Ok(clock.object().clone_ref(py)),
        None => Ok(module_time(py)?.clone().into_any().unbind()),
    }
}

fn read(clock: &Bound<'_, PyAny>) -> PyResult<f64> {
    let said = clock.call_method0(intern!(clock.py(), "time"))?;
    let seconds: f64 = said.extract()?;
    if seconds.is_finite() {
        Ok(seconds)
    } else {
        Err(value_error(format!("the clock says `{said}`: expected seconds")))
    }
}

fn module_time(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static TIME: Once<Py<PyModule>> = Once::new();
    Ok(TIME.try_get(py, || PyModule::import(py, "time").map(Bound::unbind))?.bind(py))
}
