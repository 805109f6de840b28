//! What a fork finds.
//!
//! A fork copies locks as they are, and of all threads only the one that forks: a lock that another
//! thread holds at that moment is held in the child for ever. What runs under the interpreter's lock
//! is in the middle of nothing when another thread forks; what runs without it may be. So a thread
//! has a pass while it works without the interpreter's lock on what a child will need, and none while
//! it rests: in a pause of the clock, in a call of the transport, in Python. A fork waits until all
//! passes are back, and gives none out until it is over.
//!
//! Passes are taken and given back only without the interpreter's lock, which a fork needs.
//!
//! A thread of Rust's that comes for the interpreter's lock is in the middle of something too: Python makes
//! a state for it, under a lock that Python 3.9 takes in the child without making it anew. A fork waits
//! until those that come are there, and lets no other come.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use apptuit::ErrorKind;
use apptuit::client::{Request, Response, Transport, TransportError};
use apptuit::metrics::fork::{Hold, hold};
use pyo3::prelude::*;

/// The longest time a fork waits for threads to rest. What they do with a pass is to compute and to
/// write files; a disk that hangs must not hang the fork.
const PATIENCE: Duration = Duration::from_secs(5);

/// The passes that are given out.
static PASSES: Mutex<usize> = Mutex::new(0);
static RETURNED: Condvar = Condvar::new();

/// The threads of Rust's that come for the interpreter's lock. One more comes only under the lock of the
/// passes.
static COMING: AtomicUsize = AtomicUsize::new(0);

/// How many forks lie between the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static MINE: Pass = const { Pass(Cell::new(false)) };
    /// Whether this thread is Rust's, and Python has no state for it.
    static IS_STRANGE: Cell<bool> = const { Cell::new(false) };
    /// What the thread that forks holds meanwhile.
    static STILL: RefCell<Option<Still>> = const { RefCell::new(None) };
}

/// This thread's pass, if it has one. A thread that ends gives it back.
struct Pass(Cell<bool>);

struct Still {
    passes: MutexGuard<'static, usize>,
    _ending: Hold,
}

fn passes() -> MutexGuard<'static, usize> {
    PASSES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pass {
    /// Says whether there was none before.
    fn take(&self) -> bool {
        let is_new = !self.0.get();
        if is_new {
            *passes() += 1;
            self.0.set(true);
        }
        is_new
    }

    /// Says whether there was one.
    fn give_back(&self) -> bool {
        let was_there = self.0.replace(false);
        if was_there {
            let mut passes = passes();
            *passes = passes.saturating_sub(1);
            RETURNED.notify_all();
        }
        was_there
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Does something again when it is dropped, by a panic too.
struct Finally<F: Fn()>(F);

impl<F: Fn()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Lets go of the interpreter's lock and works, with a pass.
pub(crate) fn detach<R: Send>(py: Python<'_>, work: impl FnOnce() -> R + Send) -> R {
    py.detach(|| {
        let is_new = MINE.with(Pass::take);
        let _end = Finally(|| {
            if is_new {
                MINE.with(Pass::give_back);
            }
        });
        work()
    })
}

/// Waits, or calls into Python, without a pass: a fork may come meanwhile.
pub(crate) fn at_rest<R>(wait: impl FnOnce() -> R) -> R {
    let was_there = MINE.with(Pass::give_back);
    let _end = Finally(|| {
        if was_there {
            MINE.with(Pass::take);
        }
    });
    wait()
}

/// This thread will come for the interpreter's lock, unless it is Python's; then it has to tell when it
/// [came](came), and that it [left](left).
///
/// No guard does that: where Python ends a thread, nothing may be dropped.
pub(crate) fn comes() -> bool {
    let is_strange = IS_STRANGE.replace(false);
    if is_strange {
        let _no_fork = passes();
        COMING.fetch_add(1, Ordering::SeqCst);
    }
    is_strange
}

/// It has the interpreter's lock, or will not get it.
pub(crate) fn came() {
    COMING.fetch_sub(1, Ordering::SeqCst);
}

/// It has no interpreter's lock any more.
pub(crate) fn left() {
    IS_STRANGE.set(true);
}

/// Waits until those that come are there.
fn wait_for_those_who_come() {
    const STEP: Duration = Duration::from_micros(100);
    let mut left = PATIENCE;
    while COMING.load(Ordering::SeqCst) > 0 && !left.is_zero() {
        thread::sleep(STEP);
        left = left.saturating_sub(STEP);
    }
}

/// Waits in a pause of the clock. A thread of Rust's has a pass from its first pause on.
pub(crate) fn pause(wait: impl FnOnce() -> bool) -> bool {
    if !MINE.with(Pass::give_back) {
        // Python's threads work with a pass.
        IS_STRANGE.set(true);
    }
    let is_woken = wait();
    MINE.with(Pass::take);
    is_woken
}

/// A transport of one process: threads rest in it, and the child of a fork cannot send with it.
#[derive(Debug)]
pub(crate) struct OwnTransport<T> {
    transport: T,
    generation: u64,
}

impl<T> OwnTransport<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self { transport, generation: generation() }
    }
}

impl<T: Transport> Transport for OwnTransport<T> {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        if self.generation != generation() {
            let message =
                "the process was forked in the middle of this report, which is its parent's";
            return Err(TransportError::new(ErrorKind::Unreachable, message));
        }
        at_rest(|| self.transport.send(request))
    }
}

/// A number that is another one in each child of a fork.
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Relaxed)
}

/// Before a fork: waits until other threads rest, and keeps them so.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    if STILL.with_borrow(Option::is_some) {
        return;
    }
    py.detach(|| {
        let waited = RETURNED.wait_timeout_while(passes(), PATIENCE, |passes| *passes > 0);
        let passes = waited.unwrap_or_else(PoisonError::into_inner).0;
        wait_for_those_who_come();
        // What else is to be done before the fork is Python's, and may wait for threads that record.
        STILL.set(Some(Still { passes, _ending: hold() }));
    });
}

/// After a fork, in the parent: all go on.
#[pyfunction]
pub(crate) fn after_fork_in_parent() {
    STILL.take();
}

/// After a fork, in the child: its only thread goes on, in a process of its own.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    MINE.with(|mine| mine.0.set(false));
    COMING.store(0, Ordering::SeqCst);
    match STILL.take() {
        Some(mut still) => *still.passes = 0,
        // A program that forks without telling Python before, and only says so in the child.
        None => match PASSES.try_lock() {
            Ok(mut passes) => *passes = 0,
            Err(TryLockError::Poisoned(poisoned)) => *poisoned.into_inner() = 0,
            Err(TryLockError::WouldBlock) => {}
        },
    }
}
