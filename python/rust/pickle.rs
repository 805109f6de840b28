//! How native objects are pickled and copied: as Python's own are, subclasses and all.
//!
//! An object is made by its class's `__new__` without arguments and filled by `__setstate__`; its
//! constructor does not run.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

/// What `__reduce__` returns: a function, its arguments, and the state.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, (Bound<'py, PyType>,), Bound<'py, PyAny>);

/// The native fields of an object, and the attributes that a subclass gave it.
pub(crate) type State<'py, F> = (F, Option<Bound<'py, PyDict>>);

/// The steps that make `object` anew.
pub(crate) fn reduce<'py, T>(object: &Bound<'py, T>) -> PyResult<Reduced<'py>> {
    let (py, object) = (object.py(), object.as_any());
    let make = py.import("copyreg")?.getattr(intern!(py, "__newobj__"))?;
    Ok((make, (object.get_type(),), object.call_method0(intern!(py, "__getstate__"))?))
}

/// The attributes of an object of a Python subclass.
pub(crate) fn attributes<'py, T>(object: &Bound<'py, T>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let dict = object.as_any().getattr_opt(intern!(object.py(), "__dict__"))?;
    Ok(dict.map(Bound::cast_into).transpose()?)
}

/// Gives an object of a Python subclass its attributes back.
pub(crate) fn restore_attributes<T>(
    object: &Bound<'_, T>,
    attributes: Option<Bound<'_, PyDict>>,
) -> PyResult<()> {
    let own = self::attributes(object)?;
    if let (Some(own), Some(attributes)) = (own, attributes) {
        own.update(attributes.as_mapping())?;
    }
    Ok(())
}
