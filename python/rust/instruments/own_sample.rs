//! The sample of a histogram that was handed none.

use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::once::intern;

use super::Histogram;

/// What a histogram keeps of its values, which are its own: there is no value in one without the other.
#[pyclass(frozen, module = "apptuit.metrics")]
pub(crate) struct HistogramSample(Py<Histogram>);

impl HistogramSample {
    pub(super) fn of(histogram: &Bound<'_, Histogram>) -> Self {
        Self(histogram.clone().unbind())
    }
}

#[pymethods]
impl HistogramSample {
    /// Takes a value into the histogram.
    fn update(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.get().add(value)
    }

    /// The number of values it holds.
    fn get_size(&self, py: Python<'_>) -> PyResult<usize> {
        self.0.get().get_snapshot(py)?.call_method0(intern!(py, "get_size"))?.extract()
    }

    /// What it holds.
    fn get_snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.get().get_snapshot(py)
    }

    /// Has the histogram forget all values.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get().clear(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}
