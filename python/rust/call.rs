//! Calls that may take long, and that Ctrl-C ends.

use apptuit::client::Interrupt;
use pyo3::prelude::*;

use crate::signals;
use crate::transport::noting_raised;

/// The result of `call`, made without the interpreter's lock, and what a transport hook raised.
///
/// On the main thread the handlers of signals run meanwhile. If one raises, the call is over: it begins
/// no further try, and nobody waits for what is under way.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    call: impl FnOnce(&Interrupt) -> T + Send,
) -> PyResult<(T, Option<PyErr>)> {
    let interrupt = Interrupt::new();
    let work = || py.detach(|| noting_raised(|| call(&interrupt)));
    let (result, raised) = signals::watching(py, &interrupt, work)?;
    raised.map_or(Ok(result), Err)
}
