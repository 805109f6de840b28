//! Names of series, and how they are made safe to send.

use apptuit::{Sanitizer, TimeSeriesName as ModelName};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::encoded::{self, decode_metric, encode_metric};
use crate::errors::{type_error, value_error};
use crate::pickle::{self, Reduced, State};
use crate::values;

/// A metric and its tags, as Python has them.
pub(crate) struct Name {
    metric: Py<PyString>,
    tags: Option<Py<PyDict>>,
}

impl Name {
    pub(crate) fn new(
        metric: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self { metric: checked_metric(metric)?.clone().unbind(), tags: values::own_tags(tags)? })
    }

    /// The name of a series that came from Rust.
    pub(crate) fn from_model(py: Python<'_>, name: &ModelName) -> PyResult<Self> {
        let tags = PyDict::new(py);
        for (key, value) in name.tags().iter() {
            tags.set_item(key, value)?;
        }
        let metric = PyString::new(py, name.metric()).unbind();
        Ok(Self { metric, tags: Some(tags.unbind()) })
    }

    pub(crate) fn metric<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.metric.bind(py)
    }

    pub(crate) fn tags<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyDict>> {
        self.tags.as_ref().map(|tags| tags.bind(py))
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self {
            metric: self.metric.clone_ref(py),
            tags: self.tags.as_ref().map(|tags| tags.clone_ref(py)),
        }
    }

    /// The same, with a dict of its own.
    pub(crate) fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        let tags = self.tags(py).map(PyDictMethods::copy).transpose()?;
        Ok(Self { metric: self.metric.clone_ref(py), tags: tags.map(Bound::unbind) })
    }

    /// The name as it is sent.
    pub(crate) fn to_model(&self, py: Python<'_>) -> PyResult<ModelName> {
        let tags = self.tags(py).map(values::tags).transpose()?.unwrap_or_default();
        Ok(ModelName::new(&*values::text("the metric", self.metric(py))?, tags))
    }

    /// The metric and its tags in order of keys, `m{a:1, b:2}`, and `last` behind the tags.
    pub(crate) fn describe(&self, py: Python<'_>, last: Option<String>) -> PyResult<String> {
        let mut parts = Vec::new();
        if let Some(tags) = self.tags(py) {
            let keys = tags.keys();
            // Keys of several types have no order; then it is that of the dict.
            let _unordered = keys.sort();
            for key in keys {
                let value = tags.as_any().get_item(&key)?;
                let (key, value) = (key.str()?, value.str()?);
                parts.push(format!("{}:{}", key.to_string_lossy(), value.to_string_lossy()));
            }
        }
        parts.extend(last);
        Ok(format!("{}{{{}}}", self.metric(py).to_string_lossy(), parts.join(", ")))
    }
}

/// A metric and its tags.
#[pyclass(subclass, dict, weakref, module = "apptuit")]
pub(crate) struct TimeSeriesName {
    // None only between `__new__` and `__init__`.
    name: Option<Name>,
}

impl TimeSeriesName {
    pub(crate) fn of(name: Name) -> Self {
        Self { name: Some(name) }
    }

    pub(crate) fn name(&self) -> PyResult<&Name> {
        self.name.as_ref().ok_or_else(|| value_error("the name was never initialised"))
    }

    fn name_mut(&mut self) -> PyResult<&mut Name> {
        self.name.as_mut().ok_or_else(|| value_error("the name was never initialised"))
    }
}

#[pymethods]
impl TimeSeriesName {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(metric, tags=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { name: None }
    }

    #[pyo3(signature = (metric, tags=None))]
    fn __init__(
        &mut self,
        metric: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.name = Some(Name::new(metric, tags)?);
        Ok(())
    }

    #[getter(metric)]
    fn get_metric(&self, py: Python<'_>) -> PyResult<Py<PyString>> {
        Ok(self.name()?.metric.clone_ref(py))
    }

    #[setter]
    fn set_metric(&mut self, metric: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.name_mut()?.metric = checked_metric(metric)?.clone().unbind();
        Ok(())
    }

    #[getter(tags)]
    fn get_tags<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        Ok(self.name()?.tags(py).cloned())
    }

    #[setter]
    fn set_tags(&mut self, tags: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.name_mut()?.tags = values::own_tags(tags)?;
        Ok(())
    }

    fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let (name, none) = (self.name()?, PyDict::new(py));
        encoded::encode(name.metric(py), name.tags(py).unwrap_or(&none))
    }

    #[staticmethod]
    #[pyo3(name = "encode_metric", signature = (metric_name, metric_tags=None, *, tags=None))]
    fn encode<'py>(
        metric_name: &Bound<'py, PyAny>,
        metric_tags: Option<&Bound<'py, PyAny>>,
        tags: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        encode_metric(metric_name, metric_tags, tags)
    }

    #[staticmethod]
    #[pyo3(name = "decode_metric")]
    fn decode<'py>(encoded_metric_name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        decode_metric(encoded_metric_name)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, NameState>> {
        let name = slf.borrow().name()?.clone_ref(slf.py());
        Ok(((name.metric, name.tags), pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, NameState>) -> PyResult<()> {
        let ((metric, tags), attributes) = state;
        slf.borrow_mut().name = Some(Name { metric, tags });
        pickle::restore_attributes(slf, attributes)
    }
}

/// What a pickled name holds.
type NameState = (Py<PyString>, Option<Py<PyDict>>);

/// The form of `name` that can be sent, in this mode.
#[pyfunction]
pub(crate) fn sanitize(mode: &str, name: &str) -> PyResult<String> {
    Ok(sanitizer(Some(mode))?.clean(name).into_owned())
}

/// Whether a metric or a tag key can be sent as it is.
#[pyfunction]
pub(crate) fn is_valid_name(name: &str) -> bool {
    Sanitizer::Off.name(&ModelName::from(name)).is_ok()
}

/// The rule for this `sanitize_mode`; without one, names are left as they are.
pub(crate) fn sanitizer(mode: Option<&str>) -> PyResult<Sanitizer> {
    mode.unwrap_or_default()
        .parse()
        .map_err(|_| value_error(format!("`{}` is no sanitize_mode", mode.unwrap_or_default())))
}

/// The name of a metric: text, and not empty.
pub(crate) fn checked_metric<'a, 'py>(
    metric: Option<&'a Bound<'py, PyAny>>,
) -> PyResult<&'a Bound<'py, PyString>> {
    let Some(metric) = metric.filter(|metric| !metric.is_none()) else {
        return Err(value_error("the metric has no name"));
    };
    match metric.cast::<PyString>() {
        Ok(text) if text.len()? > 0 => Ok(text),
        Ok(_) => Err(value_error("the metric has no name")),
        Err(_) => {
            let shown = values::shown(metric);
            Err(type_error(format!("`{shown}` is no name of a metric: expected text")))
        }
    }
}
