//! Many values of one name.

use apptuit::{TimeSeries as ModelSeries, TimeSeriesName as ModelName, Timestamp};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::columns::{Cell as _, Column, check_lengths};
use crate::errors::value_error;
use crate::names::{Name, TimeSeriesName};
use crate::pickle::{self, Reduced, State};

/// One name, and its values at their timestamps.
#[pyclass(subclass, dict, weakref, module = "apptuit")]
pub(crate) struct TimeSeries {
    // None only between `__new__` and `__init__`.
    fields: Option<Fields>,
}

struct Fields {
    name: Py<TimeSeriesName>,
    timestamps: Column<Timestamp>,
    values: Column<f64>,
}

/// What a pickled series holds.
type SeriesState<'py> = (Py<TimeSeriesName>, Bound<'py, PyList>, Bound<'py, PyList>);

impl TimeSeries {
    /// A series that came from Rust. With the one `before` it shares the instants, if they are the
    /// same.
    pub(crate) fn from_model(
        py: Python<'_>,
        series: ModelSeries,
        before: Option<&Bound<'_, Self>>,
    ) -> PyResult<Self> {
        let (name, timestamps, values) = series.into_columns();
        let name = Py::new(py, TimeSeriesName::of(Name::from_model(py, &name)?))?;
        let before = before.and_then(|before| before.borrow().native(py));
        let shared = before.and_then(|(instants, _)| Column::shared(instants, &timestamps));
        let timestamps = shared.map_or_else(|| Column::of(py, &timestamps), Ok)?;
        Ok(Self { fields: Some(Fields { name, timestamps, values: Column::of(py, &values)? }) })
    }

    /// Both columns, if neither has become a list.
    pub(crate) fn native<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let fields = self.fields.as_ref()?;
        Some((fields.timestamps.native(py)?, fields.values.native(py)?))
    }

    /// Reads the name.
    pub(crate) fn with_name<T>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&Name) -> PyResult<T>,
    ) -> PyResult<T> {
        read(self.fields()?.name.borrow(py).name()?)
    }

    /// The points as they are sent, under `name`.
    pub(crate) fn to_model(&self, py: Python<'_>, name: ModelName) -> PyResult<ModelSeries> {
        let Fields { timestamps, values, .. } = self.fields()?;
        let (timestamps, values) = (timestamps.to_vec(py)?, values.to_vec(py)?);
        // Lists may have become of two lengths, in Python's hands.
        check_lengths(timestamps.len(), values.len())?;
        Ok(ModelSeries::from_columns(name, timestamps, values))
    }

    fn fields(&self) -> PyResult<&Fields> {
        self.fields.as_ref().ok_or_else(|| value_error("the series was never initialised"))
    }

    fn fields_mut(&mut self) -> PyResult<&mut Fields> {
        self.fields.as_mut().ok_or_else(|| value_error("the series was never initialised"))
    }
}

#[pymethods]
impl TimeSeries {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(metric, tags, index=None, values=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { fields: None }
    }

    #[pyo3(signature = (metric, tags, index=None, values=None))]
    fn __init__(
        &mut self,
        metric: &Bound<'_, PyAny>,
        tags: &Bound<'_, PyAny>,
        index: Option<&Bound<'_, PyAny>>,
        values: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = metric.py();
        let timestamps = Column::of_items(py, "timestamps", index)?;
        let values = Column::of_items(py, "values", values)?;
        check_lengths(timestamps.len(py), values.len(py))?;
        let name = Py::new(py, TimeSeriesName::of(Name::new(Some(metric), Some(tags))?))?;
        self.fields = Some(Fields { name, timestamps, values });
        Ok(())
    }

    /// Adds a point at the end.
    fn add_point(
        &mut self,
        py: Python<'_>,
        timestamp: Py<PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let value = f64::from_python(value)?;
        let Fields { timestamps, values, .. } = self.fields_mut()?;
        timestamps.list(py)?.append(timestamp)?;
        values.list(py)?.append(value)
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<Py<TimeSeriesName>> {
        Ok(self.fields()?.name.clone_ref(py))
    }

    #[setter]
    fn set_name(&mut self, name: Py<TimeSeriesName>) -> PyResult<()> {
        self.fields_mut()?.name = name;
        Ok(())
    }

    #[getter]
    fn metric<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        self.with_name(py, |name| Ok(name.metric(py).clone()))
    }

    #[getter]
    fn tags<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.with_name(py, |name| Ok(name.tags(py).cloned()))
    }

    #[getter]
    fn timestamps<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fields_mut()?.timestamps.list(py)
    }

    #[setter]
    fn set_timestamps(&mut self, given: &Bound<'_, PyAny>) -> PyResult<()> {
        self.fields_mut()?.timestamps = Column::of_items(given.py(), "timestamps", Some(given))?;
        Ok(())
    }

    #[getter]
    fn values<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fields_mut()?.values.list(py)
    }

    #[setter]
    fn set_values(&mut self, given: &Bound<'_, PyAny>) -> PyResult<()> {
        self.fields_mut()?.values = Column::of_items(given.py(), "values", Some(given))?;
        Ok(())
    }

    /// The columns as read-only numpy arrays: instants (milliseconds, UTC) and values. For a series
    /// of a query whose lists were not asked for, they are views and not copies. Needs numpy.
    fn to_numpy<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let numpy = py
            .import("numpy")
            .map_err(|_| PyImportError::new_err("to_numpy needs numpy: `pip install numpy`"))?;
        let view =
            |bytes: Bound<'py, PyBytes>, kind| numpy.call_method1("frombuffer", (bytes, kind));
        let Fields { timestamps, values, .. } = self.fields()?;
        let instants = view(timestamps.bytes(py)?, "datetime64[ms]")?;
        Ok((instants, view(values.bytes(py)?, "float64")?))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.fields()?.timestamps.len(py))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.with_name(py, |name| name.describe(py, None))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, SeriesState<'py>>> {
        let (py, mut this) = (slf.py(), slf.borrow_mut());
        let Fields { name, timestamps, values } = this.fields_mut()?;
        let state = (name.clone_ref(py), timestamps.list(py)?, values.list(py)?);
        drop(this);
        Ok((state, pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, SeriesState<'_>>) -> PyResult<()> {
        let ((name, timestamps, values), attributes) = state;
        let (timestamps, values) =
            (Column::List(timestamps.unbind()), Column::List(values.unbind()));
        slf.borrow_mut().fields = Some(Fields { name, timestamps, values });
        pickle::restore_attributes(slf, attributes)
    }
}
