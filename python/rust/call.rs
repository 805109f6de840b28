//! Calls that may take long, and that Ctrl-C ends.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use apptuit::client::Interrupt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::transport::noting_raised;

/// How long a signal waits for its handler.
const POLL: Duration = Duration::from_millis(50);

/// The result of `call`, made without the interpreter's lock, and what a transport hook raised.
///
/// Python's signal handlers run on its main thread only. So there the call is another thread's, and
/// this one looks for signals. If a handler raises, the call is left to end by itself: it begins no
/// further try, and nobody waits for what is under way.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    call: impl FnOnce(&Interrupt) -> T + Send + 'static,
) -> PyResult<(T, Option<PyErr>)> {
    let interrupt = Interrupt::new();
    if !is_main_thread(py)? {
        return Ok(py.detach(|| noting_raised(|| call(&interrupt))));
    }
    let (done, mut result) = sync_channel(1);
    let other = interrupt.clone();
    let work = move || {
        // Nobody listens after a signal.
        let _left = done.send(noting_raised(|| call(&other)));
    };
    thread::Builder::new().name("apptuit".to_owned()).spawn(work)?;
    loop {
        let waited;
        (waited, result) = py.detach(move || (result.recv_timeout(POLL), result));
        match waited {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| {
                interrupt.trigger();
            })?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call panicked"));
            }
        }
    }
}

pub(crate) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?;
    Ok(main.is(&threading.call_method0(intern!(py, "current_thread"))?))
}
