//! The meter.

use std::sync::OnceLock;

use apptuit::metrics::{self, SystemClock};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::amount::Amount;
use super::finite;
use crate::clock::{self, GivenClock};

/// Whole numbers up to this are added natively: 2^47 of them before the sum is too large.
const LARGE: u64 = 1 << 16;

/// The rate of events: the mean, and moving averages over 1, 5 and 15 minutes.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Meter(OnceLock<Pace>);

struct Pace {
    native: metrics::Meter,
    clock: Option<GivenClock>,
}

impl Pace {
    fn on(clock: Option<GivenClock>) -> Self {
        let native = match &clock {
            Some(clock) => metrics::Meter::with_clock(clock.shown()),
            None => metrics::Meter::with_clock(SystemClock),
        };
        Self { native, clock }
    }
}

impl Meter {
    pub(crate) fn on(clock: Option<GivenClock>) -> Self {
        Self(OnceLock::from(Pace::on(clock)))
    }

    /// The native meter, if it can be read without Python's clock.
    pub(crate) fn native(&self) -> Option<&metrics::Meter> {
        let pace = self.pace();
        pace.clock.is_none().then_some(&pace.native)
    }

    #[inline]
    fn pace(&self) -> &Pace {
        self.0.get_or_init(|| Pace::on(None))
    }

    /// The native meter, shown what time it is.
    fn now(&self, py: Python<'_>) -> PyResult<&metrics::Meter> {
        let pace = self.pace();
        clock::refresh(py, pace.clock.as_ref())?;
        Ok(&pace.native)
    }
}

#[pymethods]
impl Meter {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(clock=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    #[pyo3(signature = (clock=None))]
    fn __init__(&self, clock: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        // A second call changes nothing: reports may be asking the meter.
        let _ = self.0.set(Pace::on(GivenClock::of(clock)?));
        Ok(())
    }

    /// Counts `value` events; `ValueError` if it is not finite, `TypeError` if it is no number.
    #[pyo3(signature = (value=Amount::One), text_signature = "($self, value=1)")]
    fn mark(&self, value: Amount<'_, '_>) -> PyResult<()> {
        let native = &self.pace().native;
        match value {
            Amount::One => native.mark(),
            Amount::Whole(n) if n.unsigned_abs() <= LARGE => native.mark_n(n.cast_unsigned()),
            Amount::Whole(n) => native.mark_by(n as f64),
            Amount::Other(other) => native.mark_by(finite(&other, "meter")?),
        }
        Ok(())
    }

    /// Brings the moving averages up to date now, rather than at the next read after five seconds.
    fn tick(&self, py: Python<'_>) -> PyResult<()> {
        self.now(py)?.tick();
        Ok(())
    }

    /// The number of events since the start.
    fn get_count(&self) -> f64 {
        self.pace().native.amount()
    }

    /// Events per second since the start.
    fn get_mean_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.mean_rate())
    }

    /// Events per second over the last minute, exponentially weighted.
    fn get_one_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.one_minute_rate())
    }

    /// Events per second over the last five minutes, exponentially weighted.
    fn get_five_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.five_minute_rate())
    }

    /// Events per second over the last fifteen minutes, exponentially weighted.
    fn get_fifteen_minute_rate(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.now(py)?.fifteen_minute_rate())
    }

    /// Starts anew.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.now(py)?.clear();
        Ok(())
    }

    /// What time is read from; the module `time` stands for the monotonic clock.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        clock::object(py, self.pace().clock.as_ref())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let clock = self.0.get().and_then(|pace| pace.clock.as_ref());
        clock.map_or(Ok(()), |clock| clock.traverse(&visit))
    }
}
