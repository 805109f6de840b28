//! One value at one time.

use apptuit::DataPoint as Point;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

use crate::errors::value_error;
use crate::names::TimeSeriesName;
use crate::pickle::{self, Reduced, State};
use crate::values;

/// What a point holds.
type Fields = (Py<TimeSeriesName>, Py<PyAny>, f64);

/// One value of one series at one time.
#[pyclass(subclass, module = "apptuit")]
pub(crate) struct DataPoint {
    // None only between `__new__` and `__init__`.
    fields: Option<Fields>,
}

impl DataPoint {
    /// The point as it is sent.
    pub(crate) fn to_model(&self, py: Python<'_>) -> PyResult<Point> {
        let (name, timestamp, value) = self.fields()?;
        let instant = values::timestamp(timestamp.bind(py))?;
        Ok(Point::new(name.borrow(py).to_model(py)?, instant, *value))
    }

    fn fields(&self) -> PyResult<&Fields> {
        self.fields.as_ref().ok_or_else(|| value_error("the point was never initialised"))
    }

    fn fields_mut(&mut self) -> PyResult<&mut Fields> {
        self.fields.as_mut().ok_or_else(|| value_error("the point was never initialised"))
    }
}

#[pymethods]
impl DataPoint {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { fields: None }
    }

    fn __init__(
        &mut self,
        metric: &Bound<'_, PyAny>,
        tags: &Bound<'_, PyAny>,
        timestamp: Py<PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let name = Py::new(metric.py(), TimeSeriesName::create(Some(metric), Some(tags))?)?;
        self.fields = Some((name, timestamp, values::number(value)?));
        Ok(())
    }

    #[getter]
    fn timeseries_name(&self, py: Python<'_>) -> PyResult<Py<TimeSeriesName>> {
        Ok(self.fields()?.0.clone_ref(py))
    }

    #[getter]
    fn metric(&self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        Ok(self.fields()?.0.borrow(py).metric(py))
    }

    #[getter]
    fn tags(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        Ok(self.fields()?.0.borrow(py).get_tags(py))
    }

    #[getter]
    fn timestamp(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.fields()?.1.clone_ref(py))
    }

    #[setter]
    fn set_timestamp(&mut self, timestamp: Py<PyAny>) -> PyResult<()> {
        self.fields_mut()?.1 = timestamp;
        Ok(())
    }

    #[getter]
    fn value(&self) -> PyResult<f64> {
        Ok(self.fields()?.2)
    }

    #[setter]
    fn set_value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.fields_mut()?.2 = values::number(value)?;
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, timestamp, value) = self.fields()?;
        // Whole seconds, if it is a number at all.
        let seconds = match py.get_type::<PyInt>().call1((timestamp,)) {
            Ok(whole) => whole.to_string(),
            Err(_) => timestamp.bind(py).to_string(),
        };
        let value: String =
            PyString::new(py, "%f").call_method1(intern!(py, "__mod__"), (*value,))?.extract()?;
        let last = format!("timestamp: {seconds}, value: {value}");
        name.borrow(py).describe(py, Some(last))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, Fields>> {
        let (py, this) = (slf.py(), slf.borrow());
        let (name, timestamp, value) = this.fields()?;
        let fields = (name.clone_ref(py), timestamp.clone_ref(py), *value);
        Ok((fields, pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, Fields>) -> PyResult<()> {
        slf.borrow_mut().fields = Some(state.0);
        pickle::restore_attributes(slf, state.1)
    }
}
