//! What is made once.
//!
//! pyo3's own cells let go of the interpreter's lock in the middle of making their value. In the child
//! of a thread that forks just then, the value is being made for ever, and whoever asks for it hangs.
//! So values of ours are made before they are put into their cells, at the price that two threads may
//! make one; and what pyo3 keeps in its cells, as far as it is needed here, is made when the module is
//! imported.

use std::convert::Infallible;
use std::sync::OnceLock;

use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::type_object::PyTypeInfo;
use pyo3::types::{PyDict, PyMapping, PySequence, PyString};

use crate::{encoded, errors};

/// A value that is made when it is first asked for, under the interpreter's lock.
pub(crate) struct Once<T>(OnceLock<T>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The value; what `make` makes if there is none, unless another thread was faster.
    pub(crate) fn get(&self, py: Python<'_>, make: impl FnOnce() -> T) -> &T {
        let Ok(value) = self.try_get(py, || Ok::<_, Infallible>(make()));
        value
    }

    /// As [`get`](Self::get); nothing is kept if `make` fails.
    pub(crate) fn try_get<E>(
        &self,
        _locked: Python<'_>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, E> {
        if let Some(value) = self.0.get() {
            return Ok(value);
        }
        let made = make()?;
        Ok(self.0.get_or_init(|| made))
    }
}

/// A text that Python keeps.
pub(crate) struct Interned(&'static str, Once<Py<PyString>>);

impl Interned {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text, Once::new())
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.1.get(py, || PyString::intern(py, self.0).unbind()).bind(py)
    }
}

/// A text as Python has it, made once: `intern!(py, "text")`.
macro_rules! intern {
    ($py:expr, $text:expr) => {{
        static INTERNED: $crate::once::Interned = $crate::once::Interned::new($text);
        INTERNED.get($py)
    }};
}
pub(crate) use intern;

/// Makes what pyo3 would make at some later time.
pub(crate) fn make_all(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    PyMapping::type_object(py);
    PySequence::type_object(py);
    PanicException::type_object(py);
    encoded::make_types(py);
    errors::make_types(py);
    // What is imported when it is needed: a module is half made, too, while it is being imported.
    for name in ["json", "logging"] {
        py.import(name)?;
    }
    // What it needs for an object with attributes, for the length of an iterator, for a class's name, and
    // for an argument of a wrong type.
    module.getattr("TimeSeriesName")?.call1(("m",))?;
    let _unknown = PyDict::new(py).try_iter()?.size_hint();
    py.get_type::<PyDict>().name()?;
    let refused = module.getattr("is_valid_name")?.call1((0,));
    debug_assert!(refused.is_err(), "a number is no name");
    Ok(())
}
