//! Atomics and locks: the standard library's, or loom's when its models run.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, RwLock,
    atomic::{AtomicI64, AtomicU64, Ordering, fence},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, RwLock,
    atomic::{AtomicI64, AtomicU64, Ordering, fence},
};

/// Lets another thread go on, which this one waits for.
#[cfg(loom)]
pub(crate) fn spin(_turn: u32) {
    loom::thread::yield_now();
}

/// Lets another thread go on, which this one waits for.
#[cfg(not(loom))]
pub(crate) fn spin(turn: u32) {
    if turn < 64 {
        std::hint::spin_loop();
    } else {
        // The other may have lost its core half way.
        std::thread::yield_now();
    }
}
