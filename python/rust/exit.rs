//! What happens to a thread that is inside Python when the interpreter ends.
//!
//! Python then ends the thread with `pthread_exit`, which unwinds its stack; unwinding through
//! Rust's `catch_unwind` aborts the process. So each call into Python from a thread of Rust's is
//! guarded: a stack that is unwound without a panic is parked until the process ends.

use std::{mem, thread};

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
