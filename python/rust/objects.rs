//! What only the interpreter's own interface says of objects, and does with them.

#![expect(unsafe_code, reason = "that interface has no safe form")]

use std::ptr;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyClass, ffi};

/// Has the garbage collector forget an object, unless its class was made in Python: such a class may
/// give it attributes, and so cycles that only the collector ends.
///
/// For classes without `__traverse__`: the collector cannot see what they hold, so tracking them never
/// ends a cycle. `PyO3` tracks every object, and a program makes points by the ten thousand: each pass
/// of the collector goes through all that are young (`scripts/bench python P16`).
pub(crate) fn untrack<T: PyClass>(object: &Bound<'_, T>) {
    if object.as_any().is_exact_instance_of::<T>() {
        // SAFETY: this is an object of `PyO3`'s, which are all made for the collector, and it is alive.
        // The interpreter's lock is held. To untrack twice does nothing, and when the object ends,
        // `PyO3` untracks it in the same way.
        unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
    }
}

/// Whether there is but one reference to an object: who has it need not fear that others see a change
/// (`scripts/bench python P15`).
pub(crate) fn is_sole<T>(object: &Borrowed<'_, '_, T>) -> bool {
    // SAFETY: the object is alive, and the interpreter's lock is held, so nobody changes the number.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) == 1 }
}

/// Where an object is: as long as it lives, no other is there.
pub(crate) fn place(object: &Bound<'_, PyAny>) -> usize {
    object.as_ptr().addr()
}

/// The places of a dict's keys and values, in its order.
pub(crate) fn places<'py>(dict: &Bound<'py, PyDict>) -> impl Iterator<Item = usize> + use<'py> {
    dict.iter().flat_map(|(key, value)| [place(&key), place(&value)])
}

/// Whether a dict has these very keys and values in this order.
///
/// Without taking a reference to each, at every point and every name (`scripts/bench python P15 P16`).
pub(crate) fn is_at(dict: &Bound<'_, PyDict>, places: &[usize]) -> bool {
    let (mut at, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
    places.len() == 2 * dict.len()
        && places.chunks_exact(2).all(|own| {
            // SAFETY: the dict is alive, and the interpreter's lock is held throughout: nobody changes
            // it. What is found in it is only compared, never followed.
            let is_there = unsafe {
                ffi::PyDict_Next(dict.as_ptr(), &raw mut at, &raw mut key, &raw mut value)
            };
            is_there != 0 && own[0] == key.addr() && own[1] == value.addr()
        })
}
