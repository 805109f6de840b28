//! Objects that Python's garbage collector need not look at.
//!
//! `PyO3` has the collector track every object, and a program makes points by the ten thousand: each
//! pass of the collector goes through all that are young, which is a quarter of what it costs to make
//! them (`scripts/bench python P16`).

#![expect(unsafe_code, reason = "the collector's interface has no safe form")]

use pyo3::prelude::*;
use pyo3::{PyClass, ffi};

/// Has the collector forget an object, unless its class was made in Python: such a class may give it
/// attributes, and so cycles that only the collector ends.
///
/// For classes without `__traverse__`: the collector cannot see what they hold, so tracking them never
/// ends a cycle.
pub(crate) fn untrack<T: PyClass>(object: &Bound<'_, T>) {
    if object.as_any().is_exact_instance_of::<T>() {
        // SAFETY: this is an object of `PyO3`'s, which are all made for the collector, and it is alive.
        // The interpreter's lock is held. To untrack twice does nothing, and when the object ends,
        // `PyO3` untracks it in the same way.
        unsafe { ffi::PyObject_GC_UnTrack(object.as_ptr().cast()) };
    }
}
