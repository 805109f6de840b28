//! Tags inside a plain name: `node.cpu{"type": "idle"}`, as Python's `json` writes and reads them.

use apptuit::encode_sorted;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

use crate::errors::{type_error, value_error};
use crate::names::checked_metric;
use crate::values;

/// Decoded names that are kept: more than a program has instruments.
const MAX_KEPT: usize = 32 * 1024;

/// One string that holds a metric and its tags: the metric, and the tags as Python's JSON of them
/// with keys in order. The tags may be passed by either name.
#[pyfunction]
#[pyo3(signature = (metric_name, metric_tags=None, *, tags=None))]
pub(crate) fn encode_metric<'py>(
    metric_name: &Bound<'py, PyAny>,
    metric_tags: Option<&Bound<'py, PyAny>>,
    tags: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyString>> {
    let metric = checked_metric(Some(metric_name))?;
    let given = metric_tags.or(tags);
    let tags = given.and_then(|tags| tags.cast::<PyDict>().ok()).ok_or_else(|| {
        let metric = values::shown(metric);
        let shown = given.map_or_else(|| "None".to_owned(), |tags| values::shown(tags));
        value_error(format!("cannot encode `{shown}` as tags of `{metric}`: expected a dict"))
    })?;
    encode(metric, tags)
}

/// Text behind text, mostly: then it is done here. `json` does the rest.
pub(crate) fn encode<'py>(
    metric: &Bound<'py, PyString>,
    tags: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyString>> {
    let py = metric.py();
    if let Some(encoded) = encode_texts(metric, tags) {
        return Ok(PyString::new(py, &encoded));
    }
    let sorted = PyDict::new(py);
    sorted.set_item(intern!(py, "sort_keys"), true)?;
    let json = py.import(intern!(py, "json"))?;
    let json = json.call_method(intern!(py, "dumps"), (tags,), Some(&sorted))?;
    Ok(metric.add(json)?.cast_into()?)
}

fn encode_texts<'py>(metric: &Bound<'py, PyString>, tags: &Bound<'py, PyDict>) -> Option<String> {
    if !tags.is_exact_instance_of::<PyDict>() {
        return None;
    }
    let mut pairs = Vec::with_capacity(tags.len());
    // Exact texts have no code of their own that could change the dict.
    for (key, value) in tags {
        let key = key.cast_into_exact::<PyString>().ok()?;
        pairs.push((key, value.cast_into_exact::<PyString>().ok()?));
    }
    let texts = pairs.iter().map(|(key, value)| Some((key.to_cow().ok()?, value.to_cow().ok()?)));
    let mut texts: Vec<_> = texts.collect::<Option<_>>()?;
    texts.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let texts = texts.iter().map(|(key, value)| (&**key, &**value));
    Some(encode_sorted(&metric.to_cow().ok()?, texts))
}

/// The metric and the tags inside a string; the tags keep the types their JSON has, and are a dict
/// of their own each time.
#[pyfunction]
pub(crate) fn decode_metric<'py>(
    encoded_metric_name: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    static KEPT: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let py = encoded_metric_name.py();
    let kept = KEPT.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    let Ok(encoded) = encoded_metric_name.cast_exact::<PyString>() else {
        return decode_other(encoded_metric_name);
    };
    let seen = kept.get_item(encoded)?;
    if let Some(known) = seen.as_ref().and_then(|known| known.cast::<PyTuple>().ok()) {
        return Ok((known.get_item(0)?, known.get_item(1)?.cast::<PyDict>()?.copy()?));
    }
    let (metric, tags) = decode(encoded)?;
    if seen.is_none() {
        // What comes once is not worth a copy.
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.set_item(encoded, py.None())?;
        return Ok((metric.into_any(), tags));
    }
    let is_scalar = |value: &Bound<'_, PyAny>| {
        value.is_none()
            || value.is_instance_of::<PyString>()
            || value.is_instance_of::<PyBool>()
            || value.is_instance_of::<PyInt>()
            || value.is_instance_of::<PyFloat>()
    };
    // A copy of what is nested would not be one to its depth.
    if tags.values().iter().all(|value| is_scalar(&value)) {
        kept.set_item(encoded, (&metric, tags.copy()?))?;
    }
    Ok((metric.into_any(), tags))
}

/// Subclasses of text, and what is no name.
fn decode_other<'py>(
    given: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    if !given.is_truthy()? {
        return Err(value_error("the metric has no name"));
    }
    let text = given
        .cast::<PyString>()
        .map_err(|_| type_error(format!("`{}` is no name: expected text", values::shown(given))))?;
    let (metric, tags) = decode(text)?;
    Ok((metric.into_any(), tags))
}

fn decode<'py>(
    encoded: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyString>, Bound<'py, PyDict>)> {
    let py = encoded.py();
    let text = &*values::text("the name", encoded)?;
    if text.is_empty() {
        return Err(value_error("the metric has no name"));
    }
    let Some(brace) = text.find('{') else {
        return Ok((PyString::new(py, text.trim()), PyDict::new(py)));
    };
    let (metric, json) = text.split_at(brace);
    let tags = match decode_texts(py, json)? {
        Some(tags) => tags,
        None => decode_json(text, json, py)?,
    };
    Ok((PyString::new(py, metric.trim()), tags))
}

fn decode_json<'py>(text: &str, json: &str, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
    let loads = py.import(intern!(py, "json"))?.getattr(intern!(py, "loads"))?;
    let tags = loads.call1((json,)).map_err(|error| {
        let why = error.value(py);
        value_error(format!("`{text}` is not a metric with encoded tags: {why}"))
    })?;
    // What begins with a brace is an object.
    Ok(tags.cast_into()?)
}

/// An object of plain texts, as [`encode_metric`] mostly writes it; None for `json` to read.
fn decode_texts<'py>(py: Python<'py>, json: &str) -> PyResult<Option<Bound<'py, PyDict>>> {
    const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];
    let tags = PyDict::new(py);
    let Some(mut rest) = json.strip_prefix('{') else { return Ok(None) };
    loop {
        let member = || {
            let (key, rest) = plain_text(rest.trim_start_matches(BLANKS))?;
            let rest = rest.trim_start_matches(BLANKS).strip_prefix(':')?;
            let (value, rest) = plain_text(rest.trim_start_matches(BLANKS))?;
            Some((key, value, rest.trim_start_matches(BLANKS)))
        };
        let Some((key, value, after)) = member() else { return Ok(None) };
        tags.set_item(key, value)?;
        if let Some(next) = after.strip_prefix(',') {
            rest = next;
            continue;
        }
        let ends = after.strip_prefix('}').is_some_and(|end| end.trim_matches(BLANKS).is_empty());
        return Ok(ends.then_some(tags));
    }
}

/// The text between two quotes, without escapes, and what follows it.
fn plain_text(json: &str) -> Option<(&str, &str)> {
    let text = json.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
    (text.as_bytes()[end] == b'"').then(|| (&text[..end], &text[end + 1..]))
}
