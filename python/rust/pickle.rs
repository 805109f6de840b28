//! How native objects are pickled and copied: as Python's own are, subclasses and all.
//!
//! An object is made by its class's `__new__` without arguments and filled by `__setstate__`; its
//! constructor does not run.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};

use crate::once::intern;

/// What `__reduce__` returns: a function, its arguments, and the state.
pub(crate) type Reduced<'py> = (Bound<'py, PyAny>, (Bound<'py, PyType>,), Bound<'py, PyAny>);

/// The native fields of an object, and the attributes that a subclass gave it.
pub(crate) type State<'py, F> = (F, Option<Attributes<'py>>);

/// Those of its `__dict__`, if it has one, and those of its `__slots__`.
pub(crate) type Attributes<'py> = (Option<Bound<'py, PyDict>>, Bound<'py, PyDict>);

/// The steps that make `object` anew.
pub(crate) fn reduce<'py, T>(object: &Bound<'py, T>) -> PyResult<Reduced<'py>> {
    let (py, object) = (object.py(), object.as_any());
    let make = py.import("copyreg")?.getattr(intern!(py, "__newobj__"))?;
    Ok((make, (object.get_type(),), object.call_method0(intern!(py, "__getstate__"))?))
}

/// The attributes of an object of a Python subclass.
pub(crate) fn attributes<'py, T>(object: &Bound<'py, T>) -> PyResult<Option<Attributes<'py>>> {
    let (py, object) = (object.py(), object.as_any());
    let dict = object.getattr_opt(intern!(py, "__dict__"))?;
    let slots = PyDict::new(py);
    let names = py.import("copyreg")?.getattr(intern!(py, "_slotnames"))?;
    for name in names.call1((object.get_type(),))?.try_iter()? {
        let name = name?.cast_into::<PyString>()?;
        if let Some(value) = object.getattr_opt(&name)? {
            slots.set_item(name, value)?;
        }
    }
    let dict = dict.map(Bound::cast_into::<PyDict>).transpose()?;
    Ok((dict.is_some() || !slots.is_empty()).then_some((dict, slots)))
}

/// Gives an object of a Python subclass its attributes back.
pub(crate) fn restore_attributes<T>(
    object: &Bound<'_, T>,
    attributes: Option<Attributes<'_>>,
) -> PyResult<()> {
    let object = object.as_any();
    let Some((dict, slots)) = attributes else { return Ok(()) };
    if let Some(dict) = dict
        && let Some(own) = object.getattr_opt(intern!(object.py(), "__dict__"))?
    {
        own.cast_into::<PyDict>()?.update(dict.as_mapping())?;
    }
    for (name, value) in slots {
        object.setattr(name.cast_into::<PyString>()?, value)?;
    }
    Ok(())
}
