//! What the values of histograms and timers are sampled with.

use std::time::Duration;

use apptuit::metrics::{ExponentiallyDecaying, Reservoir, Sampling, Snapshot as NativeSnapshot};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::clock::{self, GivenClock};
use crate::errors::{type_error, value_error};
use crate::once::intern;
use crate::values::{self, Real};

/// Values a reservoir holds unless something else is said: Coda Hale's number.
pub(crate) const SIZE: usize = 1028;
/// How fast it forgets, in the same way.
pub(crate) const ALPHA: f64 = 0.015;

/// The argument `size`.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) usize);

impl FromPyObject<'_, '_> for Size {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let number = match given.extract::<i64>() {
            Err(raised) if !raised.is_instance_of::<PyOverflowError>(given.py()) => {
                return Err(raised);
            }
            number => number.ok().and_then(|number| usize::try_from(number).ok()),
        };
        number.map(Self).ok_or_else(|| {
            let shown = values::shown(&given);
            value_error(format!("`size` is `{shown}`: expected how many values to keep"))
        })
    }
}

/// A sample handed in by Python: any object with `update`, `get_snapshot` and `clear`.
pub(crate) struct GivenSample(Py<PyAny>);

impl GivenSample {
    pub(crate) fn of(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
        for method in ["update", "get_snapshot", "clear"] {
            if !given.hasattr(method)? {
                let shown = values::shown(given);
                return Err(type_error(format!(
                    "`{shown}` is no sample: expected an object with `{method}`"
                )));
            }
        }
        Ok(Some(Self(given.clone().unbind())))
    }

    pub(crate) fn update(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        self.0.bind(py).call_method1(intern!(py, "update"), (value,)).map(drop)
    }

    pub(crate) fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.bind(py).call_method0(intern!(py, "get_snapshot"))
    }

    pub(crate) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.0.bind(py).call_method0(intern!(py, "clear")).map(drop)
    }

    pub(crate) fn object(&self) -> &Py<PyAny> {
        &self.0
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

/// The native reservoir: none where Python keeps the sample.
pub(crate) fn sampling(size: usize, alpha: f64, sample: Option<&GivenSample>) -> Sampling {
    match sample {
        Some(_) => Sampling::of(|| Nothing),
        None => Sampling::of(move || ExponentiallyDecaying::with_size(size, alpha)),
    }
}

/// The arguments `size` and `alpha`, checked.
pub(crate) fn checked(Size(size): Size, Real(alpha): Real) -> PyResult<(usize, f64)> {
    if !alpha.is_finite() {
        return Err(value_error(format!("`alpha` is `{alpha}`: expected a number per second")));
    }
    Ok((size, alpha))
}

/// A clock and a sample, of which either may be given.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) clock: Option<GivenClock>,
    pub(crate) sample: Option<GivenSample>,
}

impl Given {
    /// Whether all is native.
    #[inline]
    pub(crate) fn is_nothing(&self) -> bool {
        self.clock.is_none() && self.sample.is_none()
    }

    pub(crate) fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        clock::refresh(py, self.clock.as_ref())
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.as_ref().map_or(Ok(()), |clock| clock.traverse(visit))?;
        self.sample.as_ref().map_or(Ok(()), |sample| sample.traverse(visit))
    }
}

/// A reservoir that keeps nothing.
#[derive(Debug)]
struct Nothing;

impl Reservoir for Nothing {
    fn offer(&self, _: &[f64], _: Duration) {}

    fn snapshot(&self, _: Duration) -> NativeSnapshot {
        NativeSnapshot::default()
    }

    fn clear(&self) {}
}
