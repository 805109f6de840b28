//! One value at one time.

use std::sync::Arc;

use apptuit::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

use crate::errors::value_error;
use crate::names::{Name, TimeSeriesName};
use crate::objects::untrack;
use crate::once::intern;
use crate::pickle::{self, Reduced, State};
use crate::shared::{SharedName, shared};
use crate::values;

/// One value of one series at one time.
#[pyclass(subclass, module = "apptuit")]
pub(crate) struct DataPoint {
    // None only between `__new__` and `__init__`.
    fields: Option<Fields>,
}

struct Fields {
    name: PointName,
    timestamp: Py<PyAny>,
    value: f64,
}

enum PointName {
    /// With other points, until Python asks for something that it may change.
    Shared(Arc<SharedName>),
    Object(Py<TimeSeriesName>),
}

/// What a pickled point holds.
type PointState = (Py<TimeSeriesName>, Py<PyAny>, f64);

impl DataPoint {
    /// The instant and the value that are sent.
    pub(crate) fn sample(&self, py: Python<'_>) -> PyResult<(Timestamp, f64)> {
        let fields = self.fields()?;
        Ok((values::timestamp(fields.timestamp.bind(py))?, fields.value))
    }

    /// Reads the name, whoever owns it.
    pub(crate) fn with_name<T>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&Name) -> PyResult<T>,
    ) -> PyResult<T> {
        match &self.fields()?.name {
            PointName::Shared(shared) => read(shared.name()),
            PointName::Object(name) => read(name.borrow(py).name()?),
        }
    }

    /// The name that it has with other points.
    pub(crate) fn shared_name(&self) -> Option<&Arc<SharedName>> {
        match &self.fields.as_ref()?.name {
            PointName::Shared(shared) => Some(shared),
            PointName::Object(_) => None,
        }
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
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(metric, tags, timestamp, value)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { fields: None }
    }

    fn __init__(
        slf: &Bound<'_, Self>,
        metric: &Bound<'_, PyAny>,
        tags: &Bound<'_, PyAny>,
        timestamp: Py<PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let name = if let Some(shared) = shared(metric, tags)? {
            PointName::Shared(shared)
        } else {
            let name = TimeSeriesName::of(Name::new(Some(metric), Some(tags))?);
            PointName::Object(Py::new(metric.py(), name)?)
        };
        slf.borrow_mut().fields = Some(Fields { name, timestamp, value: values::number(value)? });
        untrack(slf);
        Ok(())
    }

    #[getter]
    fn timeseries_name(&mut self, py: Python<'_>) -> PyResult<Py<TimeSeriesName>> {
        let fields = self.fields_mut()?;
        let object = match &fields.name {
            PointName::Object(name) => return Ok(name.clone_ref(py)),
            PointName::Shared(shared) => Py::new(py, TimeSeriesName::of(shared.name().copy(py)?))?,
        };
        fields.name = PointName::Object(object.clone_ref(py));
        Ok(object)
    }

    #[setter]
    fn set_timeseries_name(&mut self, name: Py<TimeSeriesName>) -> PyResult<()> {
        self.fields_mut()?.name = PointName::Object(name);
        Ok(())
    }

    #[getter]
    fn metric<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.with_name(py, |name| Ok(name.metric(py).clone()))
    }

    #[getter]
    fn tags<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let py = slf.py();
        if slf.borrow().shared_name().is_some() {
            // Its own from now on: Python may change it.
            slf.borrow_mut().timeseries_name(py)?;
        }
        slf.borrow().with_name(py, |name| Ok(name.tags(py).cloned()))
    }

    #[getter]
    fn timestamp(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.fields()?.timestamp.clone_ref(py))
    }

    #[setter]
    fn set_timestamp(&mut self, timestamp: Py<PyAny>) -> PyResult<()> {
        self.fields_mut()?.timestamp = timestamp;
        Ok(())
    }

    #[getter]
    fn value(&self) -> PyResult<f64> {
        Ok(self.fields()?.value)
    }

    #[setter]
    fn set_value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.fields_mut()?.value = values::number(value)?;
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let Fields { timestamp, value, .. } = self.fields()?;
        // Whole seconds, if it is a number at all.
        let seconds = match py.get_type::<PyInt>().call1((timestamp,)) {
            Ok(whole) => values::shown(&whole),
            Err(_) => values::shown(timestamp.bind(py)),
        };
        let value: String =
            PyString::new(py, "%f").call_method1(intern!(py, "__mod__"), (*value,))?.extract()?;
        let last = format!("timestamp: {seconds}, value: {value}");
        self.with_name(py, |name| name.describe(py, Some(last)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, PointState>> {
        let (py, mut this) = (slf.py(), slf.borrow_mut());
        let name = this.timeseries_name(py)?;
        let fields = this.fields()?;
        let state = (name, fields.timestamp.clone_ref(py), fields.value);
        drop(this);
        Ok((state, pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, PointState>) -> PyResult<()> {
        let ((name, timestamp, value), attributes) = state;
        let name = PointName::Object(name);
        slf.borrow_mut().fields = Some(Fields { name, timestamp, value });
        pickle::restore_attributes(slf, attributes)
    }
}
