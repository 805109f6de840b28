//! Threads that end, and give back what they had of what all share.
//!
//! They do so unasked, at moments that no program knows. A fork must find none of them at it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Condvar, Mutex, MutexGuard};

use super::open;

/// How many threads are giving back.
static GIVING: Mutex<usize> = Mutex::new(0);
static DONE: Condvar = Condvar::new();

thread_local! {
    /// How often this thread is at it: what it drops may give back more. Needs no destructor, so it is
    /// there to the last.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// While it is there, a thread that ends gives something back.
pub(crate) struct Giving(PhantomData<*const ()>);

/// Begins to give back, when no fork is under way.
pub(crate) fn giving() -> Giving {
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        *open(GIVING.lock()) += 1;
    }
    Giving(PhantomData)
}

impl Drop for Giving {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            *open(GIVING.lock()) -= 1;
            DONE.notify_all();
        }
    }
}

/// Holds off threads that end.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "held")] MutexGuard<'static, usize>);

/// Waits until no other thread gives back, and lets none begin.
pub(crate) fn hold() -> Held {
    let own = usize::from(DEPTH.get() > 0);
    Held(open(DONE.wait_while(open(GIVING.lock()), |giving| *giving > own)))
}
