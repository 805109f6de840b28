//! Names of series, and tags inside a plain name.

use std::borrow::Cow;

use apptuit::{Sanitizer, TimeSeriesName as Name};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::errors::{type_error, value_error};
use crate::pickle::{self, Reduced, State};
use crate::values;

/// What a name holds.
type Fields = (Option<Py<PyString>>, Option<Py<PyDict>>);

/// A metric and its tags.
#[pyclass(subclass, module = "apptuit")]
pub(crate) struct TimeSeriesName {
    metric: Option<Py<PyString>>,
    tags: Option<Py<PyDict>>,
}

impl TimeSeriesName {
    pub(crate) fn create(
        metric: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self { metric: Some(checked_metric(metric)?), tags: values::own_tags(tags)? })
    }

    /// The name of a series that came from Rust.
    pub(crate) fn from_model(py: Python<'_>, name: &Name) -> PyResult<Self> {
        let tags = PyDict::new(py);
        for (key, value) in name.tags().iter() {
            tags.set_item(key, value)?;
        }
        Ok(Self {
            metric: Some(PyString::new(py, name.metric()).unbind()),
            tags: Some(tags.unbind()),
        })
    }

    /// The name as it is sent.
    pub(crate) fn to_model(&self, py: Python<'_>) -> PyResult<Name> {
        let tags = match &self.tags {
            Some(tags) => values::tags(tags.bind(py))?,
            None => apptuit::Tags::new(),
        };
        Ok(Name::new(self.text(py)?, tags))
    }

    /// The metric and its tags in order of keys, `m{a:1, b:2}`, and `last` behind the tags.
    pub(crate) fn describe(&self, py: Python<'_>, last: Option<String>) -> PyResult<String> {
        let mut parts = Vec::new();
        if let Some(tags) = &self.tags {
            let keys = tags.bind(py).keys();
            // Keys of several types have no order; then it is that of the dict.
            let _unordered = keys.sort();
            for key in keys {
                let value = tags.bind(py).as_any().get_item(&key)?;
                parts.push(format!("{key}:{value}"));
            }
        }
        parts.extend(last);
        Ok(format!("{}{{{}}}", self.text(py)?, parts.join(", ")))
    }

    fn text<'py>(&'py self, py: Python<'py>) -> PyResult<Cow<'py, str>> {
        self.metric.as_ref().ok_or_else(|| value_error("the metric has no name"))?.to_cow(py)
    }
}

#[pymethods]
impl TimeSeriesName {
    // Subclasses may have constructors of another shape, so the arguments are `__init__`'s.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { metric: None, tags: None }
    }

    #[pyo3(signature = (metric, tags=None))]
    fn __init__(
        &mut self,
        metric: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        *self = Self::create(metric, tags)?;
        Ok(())
    }

    #[getter]
    pub(crate) fn metric(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.metric.as_ref().map(|metric| metric.clone_ref(py))
    }

    #[setter]
    fn set_metric(&mut self, metric: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.metric = Some(checked_metric(metric)?);
        Ok(())
    }

    #[getter(tags)]
    pub(crate) fn get_tags(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        self.tags.as_ref().map(|tags| tags.clone_ref(py))
    }

    #[setter]
    fn set_tags(&mut self, tags: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.tags = values::own_tags(tags)?;
        Ok(())
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        let none = PyDict::new(py);
        let tags = self.tags.as_ref().map_or(&none, |tags| tags.bind(py));
        encode_text(&self.text(py)?, tags)
    }

    #[staticmethod]
    #[pyo3(name = "encode_metric", signature = (metric_name, metric_tags=None, *, tags=None))]
    fn encode(
        metric_name: &Bound<'_, PyAny>,
        metric_tags: Option<&Bound<'_, PyAny>>,
        tags: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        encode_metric(metric_name, metric_tags, tags)
    }

    #[staticmethod]
    #[pyo3(name = "decode_metric")]
    fn decode<'py>(
        encoded_metric_name: &Bound<'py, PyAny>,
    ) -> PyResult<(String, Bound<'py, PyDict>)> {
        decode_metric(encoded_metric_name)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        pickle::reduce(slf)
    }

    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<State<'py, Fields>> {
        let this = slf.borrow();
        Ok(((this.metric(slf.py()), this.get_tags(slf.py())), pickle::attributes(slf)?))
    }

    fn __setstate__(slf: &Bound<'_, Self>, state: State<'_, Fields>) -> PyResult<()> {
        let ((metric, tags), attributes) = state;
        *slf.borrow_mut() = Self { metric, tags };
        pickle::restore_attributes(slf, attributes)
    }
}

/// One string that holds a metric and its tags: the metric, and the tags as Python's JSON of them
/// with keys in order. The tags may be passed by either name.
#[pyfunction]
#[pyo3(signature = (metric_name, metric_tags=None, *, tags=None))]
pub(crate) fn encode_metric(
    metric_name: &Bound<'_, PyAny>,
    metric_tags: Option<&Bound<'_, PyAny>>,
    tags: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let metric = checked_metric(Some(metric_name))?;
    let given = metric_tags.or(tags);
    let tags = given.and_then(|tags| tags.cast::<PyDict>().ok()).ok_or_else(|| {
        value_error(format!("cannot encode the tags of `{metric_name}`: expected a dict"))
    })?;
    encode_text(&metric.to_cow(metric_name.py())?, tags)
}

/// The metric and the tags inside a string; the tags keep the types their JSON has.
#[pyfunction]
pub(crate) fn decode_metric<'py>(
    encoded_metric_name: &Bound<'py, PyAny>,
) -> PyResult<(String, Bound<'py, PyDict>)> {
    let py = encoded_metric_name.py();
    if !encoded_metric_name.is_truthy()? {
        return Err(value_error("the metric has no name"));
    }
    let text = encoded_metric_name
        .cast::<PyString>()
        .map_err(|_| type_error(format!("`{encoded_metric_name}` is no name: expected text")))?;
    let text = text.to_cow()?;
    let Some(brace) = text.find('{') else {
        return Ok((text.trim().to_owned(), PyDict::new(py)));
    };
    let (metric, json) = text.split_at(brace);
    let tags = py.import("json")?.call_method1(intern!(py, "loads"), (json,)).map_err(|error| {
        value_error(format!("`{text}` is not a metric with encoded tags: {}", error.value(py)))
    })?;
    Ok((metric.trim().to_owned(), tags.cast_into()?))
}

/// The form of `name` that can be sent, in this mode.
#[pyfunction]
pub(crate) fn sanitize(mode: &str, name: &str) -> PyResult<String> {
    Ok(sanitizer(Some(mode))?.clean(name).into_owned())
}

/// Whether a metric or a tag key can be sent as it is.
#[pyfunction]
pub(crate) fn is_valid_name(name: &str) -> bool {
    Sanitizer::Off.name(&Name::from(name)).is_ok()
}

/// The rule for this `sanitize_mode`; without one, names are left as they are.
pub(crate) fn sanitizer(mode: Option<&str>) -> PyResult<Sanitizer> {
    mode.unwrap_or_default()
        .parse()
        .map_err(|_| value_error(format!("`{}` is no sanitize_mode", mode.unwrap_or_default())))
}

fn encode_text(metric: &str, tags: &Bound<'_, PyDict>) -> PyResult<String> {
    let py = tags.py();
    let sorted = PyDict::new(py);
    sorted.set_item("sort_keys", true)?;
    let json: String =
        py.import("json")?.call_method(intern!(py, "dumps"), (tags,), Some(&sorted))?.extract()?;
    Ok(format!("{metric}{json}"))
}

fn checked_metric(metric: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyString>> {
    match metric.filter(|metric| !metric.is_none()).map(|metric| metric.cast::<PyString>()) {
        Some(Ok(text)) if text.len()? > 0 => Ok(text.clone().unbind()),
        Some(Err(_)) => Err(type_error("the name of a metric is not text")),
        _ => Err(value_error("the metric has no name")),
    }
}
