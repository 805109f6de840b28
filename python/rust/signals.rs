//! Signals that come while the main thread sends, asks or reports.
//!
//! Python's handlers run on the main thread only, and only in Python. So while that thread waits in a
//! call it looks for signals now and then; if a handler raises, as Ctrl-C's does, nothing more is
//! waited for.

use std::cell::RefCell;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use apptuit::client::{Interrupt, Request, Response, TransportError};
use apptuit::metrics::{Clock, SystemClock};
use apptuit::{ErrorKind, Timestamp};
use pyo3::prelude::*;

use crate::exit;
use crate::once::intern;
use crate::transport::{self, Transport};

/// How long a signal waits for its handler.
const POLL: Duration = Duration::from_millis(50);

thread_local! {
    /// What handlers raised, while this thread looks for signals.
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

struct Watch {
    raised: Option<PyErr>,
    /// Triggered when something is raised.
    interrupt: Interrupt,
}

/// The result of `work`, and what the handler of a signal raised meanwhile, which triggers `interrupt`.
pub(crate) fn watching<R>(
    py: Python<'_>,
    interrupt: &Interrupt,
    work: impl FnOnce() -> R,
) -> PyResult<(R, Option<PyErr>)> {
    let watch = Watch { raised: None, interrupt: interrupt.clone() };
    let before = WATCH.replace(is_main_thread(py)?.then_some(watch));
    let result = work();
    Ok((result, WATCH.replace(before).and_then(|watch| watch.raised)))
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?;
    Ok(main.is(&threading.call_method0(intern!(py, "current_thread"))?))
}

/// Remembers what was raised, if anybody asks for it. What was raised first stays.
pub(crate) fn note(raised: PyErr) {
    WATCH.with_borrow_mut(|watch| {
        if let Some(watch) = watch {
            watch.interrupt.trigger();
            watch.raised.get_or_insert(raised);
        }
    });
}

fn is_watching() -> bool {
    WATCH.with_borrow(Option::is_some)
}

/// Whether something was raised.
fn has_raised() -> bool {
    WATCH.with_borrow(|watch| watch.as_ref().is_some_and(|watch| watch.raised.is_some()))
}

/// The same, after the handlers of signals have run.
fn is_interrupted() -> bool {
    exit::attach(|py| py.check_signals().unwrap_or_else(note));
    has_raised()
}

/// The machine's clocks. The main thread looks for signals in its pauses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalClock;

impl Clock for SignalClock {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        SystemClock.timestamp()
    }

    /// Not at all after a signal.
    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        if !is_watching() {
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
}

/// The answer that a request gets. After a signal it is left to end by itself, or not begun.
pub(crate) fn answer(transport: &Transport, request: &Request) -> Result<Response, TransportError> {
    if !is_watching() {
        return transport.carry(request);
    }
    let failed = |message| Err(TransportError::new(ErrorKind::Unreachable, message));
    if has_raised() {
        return failed("a signal has ended this call");
    }
    if let Transport::Http(http) = transport
        && let Some(answer) = http.send_kept(request, is_interrupted)
    {
        return answer;
    }
    // What cannot be given up is another thread's to wait for.
    let (sender, answered) = sync_channel(1);
    let (transport, request) = (transport.clone(), request.clone());
    let worker = thread::Builder::new().name("apptuit".to_owned());
    let worker = worker.spawn(move || {
        // Nobody listens after a signal.
        let _ = sender.send(transport::noting_raised(|| transport.carry(&request)));
    });
    if worker.is_err() {
        return failed("the system gives no thread");
    }
    loop {
        match answered.recv_timeout(POLL) {
            Ok((answer, raised)) => {
                raised.into_iter().for_each(transport::note_raised);
                return answer;
            }
            Err(RecvTimeoutError::Timeout) if is_interrupted() => {
                return failed("a signal has ended this call");
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return failed("the transport panicked"),
        }
    }
}
