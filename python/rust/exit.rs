//! Calls into Python from code that runs without its lock, and what becomes of them when the
//! interpreter ends.
//!
//! Python then ends a thread that comes for its lock with `pthread_exit`, which unwinds its stack;
//! unwinding through Rust's `catch_unwind` aborts the process. So a stack that is unwound without a
//! panic is parked until the process ends.

use std::hint::black_box;
use std::{mem, thread};

use pyo3::prelude::*;

use crate::fork;

/// Calls into Python; `None` if the interpreter is being shut down.
pub(crate) fn attach<R>(call: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    fork::at_rest(|| {
        let parked = ParkInsteadOfUnwinding::new();
        let comes = fork::comes();
        let result = Python::try_attach(|py| {
            if comes {
                fork::came();
            }
            call(py)
        });
        if comes {
            if result.is_none() {
                fork::came();
            }
            fork::left();
        }
        parked.done();
        result
    })
}

/// Calls a function of Python's that may take long: a thread that the end of the interpreter finds in
/// it is parked here.
///
/// What calls Python is declared never to unwind. Where the compiler can see such a call, it leaves out
/// what would run while that unwinds: so it must not see it here.
pub(crate) fn call<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let parked = ParkInsteadOfUnwinding::new();
    let unseen: fn(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> = black_box(call_bare);
    let result = unseen(function);
    parked.done();
    result
}

/// Has nothing to run while it is unwound, and so is unwound.
#[inline(never)]
fn call_bare<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    function.call0()
}

/// Parks the thread if it is dropped by anything but a panic.
pub(crate) struct ParkInsteadOfUnwinding(());

impl ParkInsteadOfUnwinding {
    /// Guards what follows, until [`done`](Self::done).
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Python has returned.
    #[expect(clippy::mem_forget, reason = "the guard's drop is what must not happen")]
    pub(crate) fn done(self) {
        mem::forget(self);
    }
}

impl Drop for ParkInsteadOfUnwinding {
    fn drop(&mut self) {
        while !thread::panicking() {
            thread::park();
        }
    }
}
