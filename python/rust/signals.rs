//! Signals that come while the main thread reports.
//!
//! Python's handlers run on the main thread only, and only in Python. So while that thread waits in a
//! report it looks for signals now and then; if a handler raises, as Ctrl-C's does, nothing more is
//! waited for.

use std::cell::RefCell;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use apptuit::ErrorKind;
use apptuit::client::{Response, TransportError};
use pyo3::prelude::*;

use crate::call::is_main_thread;
use crate::exit;

/// How long a signal waits for its handler.
const POLL: Duration = Duration::from_millis(50);

thread_local! {
    /// What handlers raised, while this thread looks for signals.
    static WATCH: RefCell<Option<Vec<PyErr>>> = const { RefCell::new(None) };
}

/// The result of `work`, and what the handler of a signal raised meanwhile.
pub(crate) fn watching<R>(
    py: Python<'_>,
    work: impl FnOnce() -> R,
) -> PyResult<(R, Option<PyErr>)> {
    let before = WATCH.replace(is_main_thread(py)?.then(Vec::new));
    let result = work();
    let raised = WATCH.replace(before).unwrap_or_default();
    Ok((result, raised.into_iter().next()))
}

/// Remembers what was raised, if anybody asks for it.
pub(crate) fn note(raised: PyErr) {
    WATCH.with_borrow_mut(|watch| {
        if let Some(noted) = watch {
            noted.push(raised);
        }
    });
}

/// Whether the handler of a signal has raised.
fn is_interrupted() -> bool {
    exit::attach(|py| py.check_signals().unwrap_or_else(note));
    WATCH.with_borrow(|watch| watch.as_ref().is_some_and(|noted| !noted.is_empty()))
}

/// Waits for `span` or until woken; says whether it was woken. Not at all after a signal.
pub(crate) fn pause(span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
    if WATCH.with_borrow(Option::is_none) {
        return wait(span);
    }
    let mut left = span;
    while !left.is_zero() && !is_interrupted() {
        let slice = left.min(POLL);
        if wait(slice) {
            return true;
        }
        left -= slice;
    }
    wait(Duration::ZERO)
}

/// The answer that `send` gets. After a signal it is left to end by itself, or not begun.
pub(crate) fn answer(
    send: impl FnOnce() -> Result<Response, TransportError> + Send + 'static,
) -> Result<Response, TransportError> {
    if WATCH.with_borrow(Option::is_none) {
        return send();
    }
    let failed = |message| Err(TransportError::new(ErrorKind::Unreachable, message));
    let (sender, answered) = sync_channel(1);
    let worker = thread::Builder::new().name("apptuit".to_owned());
    let worker = worker.spawn(move || {
        // Nobody listens after a signal.
        let _ = sender.send(send());
    });
    if worker.is_err() {
        return failed("the system gives no thread");
    }
    loop {
        if is_interrupted() {
            return failed("a signal has ended this report");
        }
        match answered.recv_timeout(POLL) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return failed("the transport panicked"),
        }
    }
}
