//! How the native registry, and so a report, asks the instruments of Python's.

use std::cell::RefCell;
use std::sync::Arc;

use apptuit::metrics::{Kind, Reading, Registry};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::fields;
use crate::exit;
use crate::instruments::SimpleGauge;

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
    let owned = name.to_owned();
    registry.reading_fn(name, kind, move || {
        let number = held.as_ref().and_then(|held| held.reading());
        number.unwrap_or_else(|| ask(&owned, kind, &instrument))
    });
    Ok(())
}

/// Asks an instrument through Python; it says nothing if it cannot.
fn ask(name: &str, kind: Kind, instrument: &Py<PyWeakrefReference>) -> Reading {
    // None: the interpreter is being shut down.
    let said = exit::attach(|py| {
        numbers(kind, instrument.bind(py)).unwrap_or_else(|error| {
            failed(name, error);
            Vec::new()
        })
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

/// Hands a failure to the caller of this thread's [`collecting`].
fn failed(name: &str, error: PyErr) {
    FAILED.with_borrow_mut(|failed| {
        if let Some(failed) = failed {
            failed.push((name.to_owned(), error));
        }
    });
}
