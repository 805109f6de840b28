//! What the package tells Python's `logging`, as the logger `apptuit`.

use apptuit::client::{Method, Request, Warning};
use pyo3::prelude::*;

use crate::exit;
use crate::once::{Once, intern};

/// A request that failed, which may be tried again. That of the last one is also raised.
pub(crate) fn failed_try(request: &Request, why: &str) {
    let method = match request.method() {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    // Without the query, which is long.
    let url = request.url().split('?').next().unwrap_or_default();
    tell("info", &format!("{method} {url}: {why}"));
}

/// Something that the program or its environment should change.
pub(crate) fn warning(warning: &Warning) {
    tell("warning", &warning.to_string());
}

/// Logs by the method `level`, from any thread, unless the interpreter is being shut down.
fn tell(level: &str, message: &str) {
    exit::attach(|py| {
        if let Err(raised) = try_tell(py, level, message) {
            raised.write_unraisable(py, None);
        }
    });
}

fn try_tell(py: Python<'_>, level: &str, message: &str) -> PyResult<()> {
    static LOGGER: Once<Py<PyAny>> = Once::new();
    let logger = LOGGER.try_get(py, || {
        let logging = py.import(intern!(py, "logging"))?;
        Ok::<_, PyErr>(logging.call_method1(intern!(py, "getLogger"), ("apptuit",))?.unbind())
    })?;
    // As an argument, so that a percent sign in it is no format.
    logger.bind(py).call_method1(level, ("%s", message)).map(drop)
}
