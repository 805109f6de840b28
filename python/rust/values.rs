//! Python's numbers, texts and dicts as the model's values.

use apptuit::{Tags, Timestamp};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};

use crate::errors::{type_error, value_error};

/// A number of seconds (above 10^11, of milliseconds) as an instant.
pub(crate) fn timestamp(given: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let number = if given.is_instance_of::<PyBool>() { None } else { given.extract::<f64>().ok() };
    number.and_then(Timestamp::from_number).ok_or_else(|| {
        value_error(format!("`{given}` is no timestamp: expected seconds since the epoch"))
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

/// Anything `float()` takes, as a number.
pub(crate) fn number(given: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(number) = given.extract() {
        return Ok(number);
    }
    let float = given.py().get_type::<PyFloat>().call1((given,)).map_err(|_| {
        value_error(format!("`{given}` is no value: expected a number, or text that is one"))
    })?;
    float.extract()
}

/// A dict of its own with the tags of any mapping; None stays None.
///
/// The values are left as they are. They become text when they are sent.
pub(crate) fn own_tags(given: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Py<PyDict>>> {
    let Some(given) = given.filter(|given| !given.is_none()) else { return Ok(None) };
    let py = given.py();
    let mapping = given.cast::<PyMapping>().map_err(|_| {
        type_error(format!("tags are `{given}`: expected a dict of keys and values"))
    })?;
    let tags = PyDict::new(py);
    tags.update(mapping)?;
    for key in tags.keys() {
        if !key.is_truthy()? {
            return Err(value_error(format!("a tag key is `{key}`: expected text")));
        }
    }
    Ok(Some(tags.unbind()))
}

/// Tags as text: numbers and booleans become their JSON form.
pub(crate) fn tags(given: &Bound<'_, PyDict>) -> PyResult<Tags> {
    given.iter().map(|(key, value)| Ok((tag_key(&key)?, tag_value(&key, &value)?))).collect()
}

fn tag_key(key: &Bound<'_, PyAny>) -> PyResult<String> {
    key.extract().map_err(|_| type_error(format!("tag key `{key}` is not text")))
}

fn tag_value(key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_cow()?.into_owned());
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
    if let Ok(index) = value.call_method0(intern!(value.py(), "__index__")) {
        return value.py().get_type::<PyInt>().call1((index,))?.str()?.extract();
    }
    Err(value_error(format!(
        "tag `{key}` has the value `{value}`: expected text, a finite number or a boolean"
    )))
}
