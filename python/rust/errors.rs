//! Rust errors as the Python package's exceptions.

use std::error::Error as _;

use apptuit::{Error, ErrorKind, Rejection};
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyDict, PyList};

use crate::once::intern;
use crate::outgoing::Outgoing;
use crate::values;

/// The exceptions, which are plain Python classes.
mod classes {
    pyo3::import_exception!(apptuit.exceptions, ApptuitException);
    pyo3::import_exception!(apptuit.exceptions, ApptuitSendException);
    pyo3::import_exception!(apptuit.exceptions, ApptuitTypeError);
    pyo3::import_exception!(apptuit.exceptions, ApptuitValueError);
    pyo3::import_exception!(apptuit.exceptions, RefusedReport);
}

/// Imports the exceptions.
pub(crate) fn make_types(py: Python<'_>) {
    classes::ApptuitException::type_object(py);
    classes::ApptuitSendException::type_object(py);
    classes::ApptuitTypeError::type_object(py);
    classes::ApptuitValueError::type_object(py);
    classes::RefusedReport::type_object(py);
}

/// A value that cannot be used.
pub(crate) fn value_error(message: impl Into<String>) -> PyErr {
    classes::ApptuitValueError::new_err(message.into())
}

/// A value of a type that cannot be used.
pub(crate) fn type_error(message: impl Into<String>) -> PyErr {
    classes::ApptuitTypeError::new_err(message.into())
}

/// Why the thing at `index` of a list cannot be sent. What is no refusal stays what it is.
pub(crate) fn refused(py: Python<'_>, index: usize, item: &Bound<'_, PyAny>, why: PyErr) -> PyErr {
    let text =
        format!("`{}`, number {index}, cannot be sent: {}", values::shown(item), why.value(py));
    if why.is_instance_of::<classes::ApptuitTypeError>(py) {
        type_error(text)
    } else if why.is_instance_of::<classes::ApptuitValueError>(py) {
        value_error(text)
    } else {
        why
    }
}

/// Why points could not be sent; `sent` are those that a rejection's index counts.
pub(crate) fn of_send(py: Python<'_>, error: &Error, sent: &Outgoing) -> PyErr {
    match error.kind() {
        ErrorKind::Configuration => value_error(text(error)),
        // Refused here, before anything was sent.
        ErrorKind::Rejected if error.status().is_none() => value_error(text(error)),
        _ => unreachable_or(py, error, || {
            refusal(py, error, sent).map(classes::ApptuitSendException::new_err)
        }),
    }
}

/// Why a query has no answer.
pub(crate) fn of_query(py: Python<'_>, error: &Error) -> PyErr {
    if error.kind() == ErrorKind::Configuration {
        return value_error(text(error));
    }
    unreachable_or(py, error, || {
        let status = error.status().map_or(String::new(), |status| format!("status {status}: "));
        Ok(classes::ApptuitException::new_err(format!("{status}{}", text(error))))
    })
}

/// Why a report failed, in the form the handler of errors wants: always with numbers of points.
pub(crate) fn of_report(py: Python<'_>, error: &Error) -> PyErr {
    let refused_here = error.kind() == ErrorKind::Rejected && error.status().is_none();
    let made = refusal(py, error, &Outgoing::default()).map(|arguments| {
        if refused_here {
            classes::RefusedReport::new_err(arguments)
        } else {
            classes::ApptuitSendException::new_err(arguments)
        }
    });
    made.unwrap_or_else(|raised| raised)
}

/// Why a report failed as a whole, whose batches may have failed for different reasons.
pub(crate) fn of_whole_report(py: Python<'_>, error: &Error) -> PyErr {
    if error.kind() == ErrorKind::Configuration && error.failed() == 0 {
        return value_error(text(error));
    }
    let failure = of_report(py, error);
    let (failed, sent) = (error.failed(), error.succeeded() + error.failed());
    let summary = || {
        let value = failure.value(py);
        if failed > 0 {
            let why = text(error);
            let summary = format!("failed to send {failed} out of {sent} points: {why}");
            value.setattr(intern!(py, "msg"), summary)?;
            value.setattr(intern!(py, "status_code"), py.None())?;
            if error.rejected().is_empty() {
                let reason = PyDict::new(py);
                reason.set_item("error", why)?;
                value.setattr(intern!(py, "errors"), PyList::new(py, [reason])?)?;
            }
        }
        Ok(())
    };
    match summary() {
        Ok(()) => failure,
        Err(raised) => raised,
    }
}

/// The exception of a broken connection or a late answer, or else what `otherwise` makes.
fn unreachable_or(
    py: Python<'_>,
    error: &Error,
    otherwise: impl FnOnce() -> PyResult<PyErr>,
) -> PyErr {
    let maker = match error.kind() {
        ErrorKind::Unreachable | ErrorKind::Tls => intern!(py, "connection_error"),
        ErrorKind::Timeout => intern!(py, "timeout_error"),
        _ => return otherwise().unwrap_or_else(|raised| raised),
    };
    // Python decides: the class depends on what the program has imported.
    let made = py
        .import("apptuit.exceptions")
        .and_then(|module| module.call_method1(maker, (text(error),)));
    made.map_or_else(|raised| raised, PyErr::from_value)
}

/// What an `ApptuitSendException` is made of.
type Refusal = (String, Option<u16>, u64, u64, Py<PyList>);

fn refusal(py: Python<'_>, error: &Error, sent: &Outgoing) -> PyResult<Refusal> {
    let errors = PyList::empty(py);
    for rejection in sent.sorted(error.rejected()) {
        errors.append(entry(py, rejection)?)?;
    }
    Ok((text(error), error.status(), error.succeeded(), error.failed(), errors.unbind()))
}

/// `{"datapoint": {...}, "error": "..."}`, with as much of the point as is known.
fn entry<'py>(py: Python<'py>, rejection: &Rejection) -> PyResult<Bound<'py, PyDict>> {
    let datapoint = PyDict::new(py);
    datapoint.set_item("metric", rejection.name().metric())?;
    if let Some((timestamp, value)) = rejection.sample() {
        datapoint.set_item("timestamp", values::seconds(py, timestamp)?)?;
        datapoint.set_item("value", value)?;
    }
    let tags = PyDict::new(py);
    for (key, value) in rejection.name().tags().iter() {
        tags.set_item(key, value)?;
    }
    datapoint.set_item("tags", tags)?;
    let entry = PyDict::new(py);
    entry.set_item("datapoint", datapoint)?;
    entry.set_item("error", rejection.reason())?;
    Ok(entry)
}

/// The message, and those of its causes.
pub(crate) fn text(error: &Error) -> String {
    let (mut text, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some messages tell their cause already.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
