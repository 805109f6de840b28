//! Many values of one name.

use apptuit::TimeSeries as Series;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::errors::value_error;
use crate::names::TimeSeriesName;
use crate::pickle::{self, Reduced, State};
use crate::values;

/// What a series holds, as Python sees it.
type Fields = (Py<TimeSeriesName>, Py<PyList>, Py<PyList>);

/// One name, and its values at their timestamps.
#[pyclass(subclass, module = "apptuit")]
pub(crate) struct TimeSeries {
    // None only between `__new__` and `__init__`.
    name: Option<Py<TimeSeriesName>>,
    points: Points,
}

/// The two columns, in Rust until Python asks for them.
enum Points {
    Native(Series),
    Lists { timestamps: Py<PyList>, values: Py<PyList> },
}

impl TimeSeries {
    /// A series that came from Rust.
    pub(crate) fn from_model(py: Python<'_>, series: Series) -> PyResult<Self> {
        let name = Py::new(py, TimeSeriesName::from_model(py, series.name())?)?;
        Ok(Self { name: Some(name), points: Points::Native(series) })
    }

    /// The series as it is sent.
    pub(crate) fn to_model(&self, py: Python<'_>) -> PyResult<Series> {
        self.columns(py, self.name()?.borrow(py).to_model(py)?)
    }

    /// The points under a name that says nothing, for those who only compute with them.
    pub(crate) fn unnamed(&self, py: Python<'_>) -> PyResult<Series> {
        self.columns(py, "series".into())
    }

    fn columns(&self, py: Python<'_>, name: apptuit::TimeSeriesName) -> PyResult<Series> {
        let (timestamps, values) = match &self.points {
            Points::Native(series) => return Ok(series.clone().renamed(name)),
            Points::Lists { timestamps, values } => (timestamps.bind(py), values.bind(py)),
        };
        check_lengths(timestamps.len(), values.len())?;
        let mut series = Series::new(name);
        for (timestamp, value) in timestamps.iter().zip(values) {
            series.push(values::timestamp(&timestamp)?, values::number(&value)?);
        }
        Ok(series)
    }

    fn name(&self) -> PyResult<&Py<TimeSeriesName>> {
        self.name.as_ref().ok_or_else(|| value_error("the series was never initialised"))
    }

    /// The columns as lists, which are the truth from now on: Python may change them.
    fn lists(&mut self, py: Python<'_>) -> PyResult<(Py<PyList>, Py<PyList>)> {
        let (timestamps, values) = match &self.points {
            Points::Lists { timestamps, values } => {
                return Ok((timestamps.clone_ref(py), values.clone_ref(py)));
            }
            Points::Native(series) => {
                let timestamps = PyList::empty(py);
                for instant in series.timestamps() {
                    timestamps.append(values::seconds(py, *instant)?)?;
                }
                (timestamps.unbind(), PyList::new(py, series.values())?.unbind())
            }
        };
        self.points =
            Points::Lists { timestamps: timestamps.clone_ref(py), values: values.clone_ref(py) };
        Ok((timestamps, values))
    }
}

#[pymethods]
impl TimeSeries {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { name: None, points: Points::Native(Series::new("")) }
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
        let (timestamps, values) = (own_list(py, index)?, own_list(py, values)?);
        check_lengths(timestamps.len(), values.len())?;
        self.name = Some(Py::new(py, TimeSeriesName::create(Some(metric), Some(tags))?)?);
        self.points = Points::Lists { timestamps: timestamps.unbind(), values: values.unbind() };
        Ok(())
    }

    /// Adds a point at the end.
    fn add_point(
        &mut self,
        py: Python<'_>,
        timestamp: Py<PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let value = values::number(value)?;
        let (timestamps, values) = self.lists(py)?;
        timestamps.bind(py).append(timestamp)?;
        values.bind(py).append(value)
    }

    #[getter(name)]
    fn get_name(&self, py: Python<'_>) -> PyResult<Py<TimeSeriesName>> {
        Ok(self.name()?.clone_ref(py))
    }

    #[getter]
    fn metric(&self, py: Python<'_>) -> PyResult<Option<Py<PyString>>> {
        Ok(self.name()?.borrow(py).metric(py))
    }

    #[getter]
    fn tags(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        Ok(self.name()?.borrow(py).get_tags(py))
    }

    #[getter]
    fn timestamps(&mut self, py: Python<'_>) -> PyResult<Py<PyList>> {
        Ok(self.lists(py)?.0)
    }

    #[getter]
    fn values(&mut self, py: Python<'_>) -> PyResult<Py<PyList>> {
        Ok(self.lists(py)?.1)
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        match &self.points {
            Points::Native(series) => series.len(),
            Points::Lists { timestamps, .. } => timestamps.bind(py).len(),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.name()?.borrow(py).describe(py, None)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, Fields>> {
        let py = slf.py();
        let mut this = slf.borrow_mut();
        let (timestamps, values) = this.lists(py)?;
        Ok(((this.name()?.clone_ref(py), timestamps, values), pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, Fields>) -> PyResult<()> {
        let ((name, timestamps, values), attributes) = state;
        *slf.borrow_mut() = Self { name: Some(name), points: Points::Lists { timestamps, values } };
        pickle::restore_attributes(slf, attributes)
    }
}

/// A list of its own with the items of anything that can be iterated.
fn own_list<'py>(
    py: Python<'py>,
    given: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    if let Some(given) = given.filter(|given| !given.is_none()) {
        for item in given.try_iter()? {
            list.append(item?)?;
        }
    }
    Ok(list)
}

fn check_lengths(timestamps: usize, values: usize) -> PyResult<()> {
    if timestamps == values {
        return Ok(());
    }
    Err(value_error(format!("{timestamps} timestamps but {values} values: expected as many")))
}
