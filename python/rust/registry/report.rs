//! How the native registry, and so a report, asks the instruments of Python's.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use apptuit::metrics::{Kind, Reading, Registry};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::fields;
use crate::exit::ParkInsteadOfUnwinding;
use crate::instruments::SimpleGauge;

/// Those who are told when an instrument cannot be read: called with its name and the exception.
pub(super) type Listeners = Arc<Mutex<Vec<Py<PyAny>>>>;

/// Instruments that could not be read: their names, and what they raised.
pub(crate) type Failed = Vec<(String, PyErr)>;

thread_local! {
    /// Where this thread's failures to read an instrument go, if it asked to have them.
    static FAILED: RefCell<Option<Failed>> = const { RefCell::new(None) };
}

/// Has the native registry ask an instrument: without Python where that can be.
///
/// Otherwise the instrument is only referred to weakly: the strong reference is in the registry's
/// table, where Python's garbage collector finds it.
pub(super) fn register(
    registry: &Registry,
    listeners: &Listeners,
    name: &str,
    kind: Kind,
    instrument: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if let Some(read) = fields::reader(instrument) {
        registry.reading_fn(name, kind, read);
        return Ok(());
    }
    let held = instrument.cast_exact::<SimpleGauge>().ok();
    let held = held.map(|gauge| Arc::clone(gauge.get().held()));
    let instrument = PyWeakrefReference::new(instrument)?.unbind();
    let (owned, listeners) = (name.to_owned(), Arc::clone(listeners));
    registry.reading_fn(name, kind, move || {
        let number = held.as_ref().and_then(|held| held.reading());
        number.unwrap_or_else(|| ask(&owned, kind, &instrument, &listeners))
    });
    Ok(())
}

/// Asks an instrument through Python; it says nothing if it cannot.
fn ask(
    name: &str,
    kind: Kind,
    instrument: &Py<PyWeakrefReference>,
    listeners: &Listeners,
) -> Reading {
    // None: the interpreter is being shut down.
    let said = Python::try_attach(|py| {
        let parked = ParkInsteadOfUnwinding::new();
        let said = numbers(kind, instrument.bind(py)).unwrap_or_else(|error| {
            failed(py, name, error, listeners);
            Vec::new()
        });
        parked.done();
        said
    });
    Reading::Fields(said.unwrap_or_default())
}

/// The fields of an instrument as numbers; none if it is gone.
fn numbers(
    kind: Kind,
    instrument: &Bound<'_, PyWeakrefReference>,
) -> PyResult<Vec<(&'static str, f64)>> {
    let Some(instrument) = instrument.upgrade() else { return Ok(Vec::new()) };
    let said = fields::asked(kind, &instrument)?;
    let names = fields::names(instrument.py(), kind).iter();
    names.zip(said.values()).map(|((name, _), value)| Ok((*name, value.extract()?))).collect()
}

/// Runs `collect` and returns the failures to read an instrument that this thread met in it.
pub(crate) fn collecting<T>(collect: impl FnOnce() -> T) -> (T, Failed) {
    let before = FAILED.replace(Some(Vec::new()));
    let collected = collect();
    (collected, FAILED.replace(before).unwrap_or_default())
}

/// Hands a failure to the caller of this thread's [`collecting`], or else to the listeners.
fn failed(py: Python<'_>, name: &str, error: PyErr, listeners: &Listeners) {
    let error = FAILED.with_borrow_mut(|failed| match failed {
        Some(failed) => {
            failed.push((name.to_owned(), error));
            None
        }
        None => Some(error),
    });
    let Some(error) = error else { return };
    let listening: Vec<_> = {
        let listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().map(|listener| listener.clone_ref(py)).collect()
    };
    for listener in listening {
        if let Err(raised) = listener.call1(py, (name, error.value(py))) {
            raised.write_unraisable(py, Some(listener.bind(py)));
        }
    }
}
