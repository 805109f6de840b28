//! The histogram.

use std::sync::OnceLock;

use apptuit::metrics::{self, SystemClock};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::spread::{ALPHA, Given, GivenSample, SIZE, Size, checked, sampling};
use super::{HistogramSample, finite};
use crate::clock::{self, GivenClock};
use crate::snapshot::Snapshot;
use crate::values::Real;

/// The distribution of the values in a stream.
#[pyclass(frozen, subclass, weakref, module = "apptuit.metrics")]
pub(crate) struct Histogram(OnceLock<Spread>);

struct Spread {
    native: metrics::Histogram,
    given: Given,
}

impl Spread {
    fn of(size: usize, alpha: f64, given: Given) -> Self {
        let sampling = sampling(size, alpha, given.sample.as_ref());
        let native = match &given.clock {
            Some(clock) => metrics::Histogram::with(clock.shown(), &sampling),
            None => metrics::Histogram::with(SystemClock, &sampling),
        };
        Self { native, given }
    }
}

impl Histogram {
    pub(crate) fn on(clock: Option<GivenClock>) -> Self {
        let given = Given { clock, sample: None };
        Self(OnceLock::from(Spread::of(SIZE, ALPHA, given)))
    }

    /// The native histogram, if nothing of it is Python's.
    pub(crate) fn native(&self) -> Option<&metrics::Histogram> {
        let spread = self.spread();
        spread.given.is_nothing().then_some(&spread.native)
    }

    #[inline]
    fn spread(&self) -> &Spread {
        self.0.get_or_init(|| Spread::of(SIZE, ALPHA, Given::default()))
    }
}

#[pymethods]
impl Histogram {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(size=1028, alpha=0.015, clock=None, sample=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    #[pyo3(
        signature = (size=Size(SIZE), alpha=Real(ALPHA), clock=None, sample=None)
    )]
    fn __init__(
        &self,
        size: Size,
        alpha: Real,
        clock: Option<&Bound<'_, PyAny>>,
        sample: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (size, alpha) = checked(size, alpha)?;
        let given = Given { clock: GivenClock::of(clock)?, sample: GivenSample::of(sample)? };
        // A second call changes nothing: reports may be asking the histogram.
        let _ = self.0.set(Spread::of(size, alpha, given));
        Ok(())
    }

    /// Takes a value in; `ValueError` if it is not finite, `TypeError` if it is no number.
    pub(super) fn add(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let spread = self.spread();
        let number = finite(value, "histogram")?;
        if spread.given.is_nothing() {
            spread.native.record(number);
            return Ok(());
        }
        spread.given.refresh(value.py())?;
        if let Some(sample) = &spread.given.sample {
            sample.update(value)?;
        }
        spread.native.record(number);
        Ok(())
    }

    /// The number of values.
    fn get_count(&self) -> f64 {
        self.spread().native.count() as f64
    }

    /// The sum of all values.
    fn get_sum(&self) -> f64 {
        self.spread().native.sum()
    }

    /// The least of all values; zero if there are none.
    fn get_min(&self) -> f64 {
        self.spread().native.min()
    }

    /// The greatest of all values; zero if there are none.
    fn get_max(&self) -> f64 {
        self.spread().native.max()
    }

    /// The mean of all values.
    fn get_mean(&self) -> f64 {
        self.spread().native.mean()
    }

    /// The standard deviation of all values (divided by n - 1).
    fn get_stddev(&self) -> f64 {
        self.spread().native.std_dev()
    }

    /// The variance of all values (divided by n - 1).
    fn get_var(&self) -> f64 {
        self.spread().native.variance()
    }

    /// What the sample holds.
    pub(super) fn get_snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let spread = self.spread();
        if let Some(sample) = &spread.given.sample {
            return sample.snapshot(py);
        }
        spread.given.refresh(py)?;
        Ok(Bound::new(py, Snapshot::of(spread.native.snapshot()))?.into_any())
    }

    /// Forgets all values.
    pub(super) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        let spread = self.spread();
        spread.given.refresh(py)?;
        spread.native.clear();
        spread.given.sample.as_ref().map_or(Ok(()), |sample| sample.clear(py))
    }

    /// What time is read from; the module `time` stands for the monotonic clock.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        clock::object(py, self.spread().given.clock.as_ref())
    }

    /// The sample that was handed in, or a view of its own.
    #[getter]
    fn sample<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        match &slf.get().spread().given.sample {
            Some(sample) => Ok(sample.object().bind(slf.py()).clone()),
            None => Ok(Bound::new(slf.py(), HistogramSample::of(slf))?.into_any()),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.get().map_or(Ok(()), |spread| spread.given.traverse(&visit))
    }
}
