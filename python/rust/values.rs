//! Python's numbers, texts and dicts as the model's values.

use std::borrow::Cow;

use apptuit::{Tags, Timestamp};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};

use crate::errors::{type_error, value_error};
use crate::once::intern;

/// Characters of a value that an error shows.
const SHOWN: usize = 100;

/// A value as errors show it, whatever it is.
pub(crate) fn shown(given: &Bound<'_, PyAny>) -> String {
    let Ok(text) = given.str() else {
        // Integers of too many digits have no text, for one.
        let kind = given.get_type().name().map_or_else(|_| String::new(), |name| name.to_string());
        return format!("a value of type {kind} without a text");
    };
    let text = text.to_string_lossy();
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}

/// Text as it can be sent: Python's may have halves of characters.
pub(crate) fn text<'a>(what: &str, given: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    given.to_cow().map_err(|_| {
        value_error(format!("{what} `{}` has a surrogate: expected Unicode", shown(given)))
    })
}

/// A number of seconds (above 10^11, of milliseconds) as an instant.
pub(crate) fn timestamp(given: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let number = if given.is_instance_of::<PyBool>() { None } else { given.extract::<f64>().ok() };
    number.and_then(Timestamp::from_number).ok_or_else(|| {
        let shown = shown(given);
        value_error(format!("`{shown}` is no timestamp: expected seconds since the epoch"))
    })
}

/// An instant as seconds, an int if they are whole.
pub(crate) fn seconds(py: Python<'_>, instant: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    if instant.as_millis() % 1000 == 0 {
        Ok((instant.as_millis() / 1000).into_pyobject(py)?.into_any())
    } else {
        Ok(instant.as_secs_f64().into_pyobject(py)?.into_any())
    }
}

/// A number as a float; one that is too large is a `ValueError`, as others that make no sense.
#[inline]
pub(crate) fn float(given: &Bound<'_, PyAny>) -> PyResult<f64> {
    given.extract().map_err(|raised| too_large(given, raised))
}

#[cold]
fn too_large(given: &Bound<'_, PyAny>, raised: PyErr) -> PyErr {
    if !raised.is_instance_of::<PyOverflowError>(given.py()) {
        return raised;
    }
    value_error(format!("`{}` is too large: expected a number that a float holds", shown(given)))
}

/// An argument that is a number.
#[derive(Clone, Copy)]
pub(crate) struct Real(pub(crate) f64);

impl FromPyObject<'_, '_> for Real {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        float(&given).map(Self)
    }
}

/// Anything `float()` takes, as a number.
pub(crate) fn number(given: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(number) = given.extract() {
        return Ok(number);
    }
    let float = given.py().get_type::<PyFloat>().call1((given,)).map_err(|_| {
        let shown = shown(given);
        value_error(format!("`{shown}` is no value: expected a number, or text that is one"))
    })?;
    float.extract()
}

/// A dict of its own with the tags of any mapping; None stays None.
///
/// The values are left as they are. They become text when they are sent.
pub(crate) fn own_tags(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyDict>>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    let tags = if let Ok(dict) = given.cast_exact::<PyDict>() {
        dict.copy()?
    } else {
        let mapping = given.cast::<PyMapping>().map_err(|_| {
            let shown = shown(given);
            type_error(format!("tags are `{shown}`: expected a dict of keys and values"))
        })?;
        let tags = PyDict::new(given.py());
        tags.update(mapping)?;
        tags
    };
    // Nobody else has this dict yet.
    for (key, _) in &tags {
        let is_empty = match key.cast_exact::<PyString>() {
            Ok(text) => text.len()? == 0,
            Err(_) => !key.is_truthy()?,
        };
        if is_empty {
            return Err(value_error(format!("a tag key is `{}`: expected text", shown(&key))));
        }
    }
    Ok(Some(tags.unbind()))
}

/// Tags as text: numbers and booleans become their JSON form.
pub(crate) fn tags(given: &Bound<'_, PyDict>) -> PyResult<Tags> {
    // A list, since a value's own code may change the dict.
    let pair = |pair: Bound<'_, PyAny>| {
        let (key, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
        Ok((tag_key(&key)?, tag_value(&key, &value)?))
    };
    given.items().iter().map(pair).collect()
}

fn tag_key(key: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = key
        .cast::<PyString>()
        .map_err(|_| type_error(format!("tag key `{}` is not text", shown(key))))?;
    Ok(self::text("tag key", text)?.into_owned())
}

fn tag_value(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(self::text(&format!("the value of tag `{}`,", shown(key)), text)?.into_owned());
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(truth.is_true().to_string());
    }
    if let Ok(float) = value.cast::<PyFloat>()
        && float.extract::<f64>()?.is_finite()
    {
        let repr = value
            .py()
            .get_type::<PyFloat>()
            .call_method1(intern!(value.py(), "__repr__"), (float,))?;
        return repr.extract();
    }
    // Whatever can be an index is a whole number: numpy's integers too.
    if let Ok(index) = value.call_method0(intern!(value.py(), "__index__"))
        && let Ok(text) = value.py().get_type::<PyInt>().call1((index,))?.str()
    {
        return text.extract();
    }
    Err(value_error(format!(
        "tag `{}` has the value `{}`: expected text, a finite number or a boolean",
        shown(key),
        shown(value)
    )))
}
