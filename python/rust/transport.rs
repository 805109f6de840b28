//! How requests travel: over sockets, or by a function of Python's.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use apptuit::ErrorKind;
use apptuit::client::{
    HttpTransport, Method, Request, Response, Transport as NativeTransport, TransportError,
};
use pyo3::exceptions::{PyConnectionError, PyException, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyMapping};

use crate::errors::{type_error, value_error};
use crate::once::intern;
use crate::{exit, log, signals};

/// What carries the requests of a client. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    Http(Arc<HttpTransport>),
    Python(Arc<Hook>),
}

impl Transport {
    /// Sends a request on this thread.
    pub(crate) fn carry(&self, request: &Request) -> Result<Response, TransportError> {
        match self {
            Self::Http(http) => http.send(request),
            Self::Python(hook) => hook.send(request),
        }
    }
}

impl NativeTransport for Transport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let answer = signals::answer(self, request);
        match &answer {
            Ok(answer) if answer.status() < 300 => {}
            Ok(answer) => log::failed_try(request, &format!("status {}", answer.status())),
            Err(error) => log::failed_try(request, &error.to_string()),
        }
        answer
    }
}

/// `f(method, url, headers, body, timeout) -> (status, headers, body)`.
pub(crate) struct Hook(Py<PyAny>);

thread_local! {
    /// What a hook raised last on this thread: the cause of a call's failure.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

/// What was raised by hooks while `call` ran on this thread, and its result.
pub(crate) fn noting_raised<T>(call: impl FnOnce() -> T) -> (T, Option<PyErr>) {
    let take = || RAISED.with_borrow_mut(Option::take);
    drop(take());
    (call(), take())
}

/// What a hook raised for a call of this thread.
pub(crate) fn note_raised(raised: PyErr) {
    RAISED.set(Some(raised));
}

impl Hook {
    pub(crate) fn new(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        if function.is_callable() {
            return Ok(Self(function.clone().unbind()));
        }
        let given = function.get_type();
        Err(type_error(format!(
            "a transport is of type `{given}`: expected a function of method, url, headers, body \
             and timeout"
        )))
    }

    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let asked = exit::attach(|py| {
            self.ask(py, request).map_err(|raised| {
                let error = failure(py, &raised);
                note_raised(raised);
                error
            })
        });
        asked.unwrap_or_else(|| {
            Err(TransportError::new(ErrorKind::Unreachable, "the interpreter has ended"))
        })
    }

    fn ask(&self, py: Python<'_>, request: &Request) -> PyResult<Response> {
        let method = match request.method() {
            Method::Get => intern!(py, "GET"),
            Method::Post => intern!(py, "POST"),
        };
        let headers = PyDict::new(py);
        for (name, value) in request.headers() {
            headers.set_item(name, value)?;
        }
        let body = PyBytes::new(py, request.body());
        let timeout = request.timeout().as_secs_f64();
        let answer = self.0.bind(py).call1((method, request.url(), headers, body, timeout))?;
        let wrong = || {
            let shown = answer.repr().map_or_else(|_| "…".to_owned(), |text| text.to_string());
            let shown: String = shown.chars().take(100).collect();
            value_error(format!(
                "a transport answered `{shown}`: expected a status, headers and a body of bytes"
            ))
        };
        let (status, headers, body): (u16, Bound<'_, PyAny>, Bound<'_, PyAny>) =
            answer.extract().map_err(|_| wrong())?;
        let body = body.extract::<Vec<u8>>().ok().filter(|_| (100..600).contains(&status));
        let mut response = Response::new(status, body.ok_or_else(wrong)?);
        if !headers.is_none() {
            let headers = headers.cast::<PyMapping>().map_err(|_| wrong())?;
            for pair in headers.items()?.iter() {
                let (name, value): (String, String) = pair.extract().map_err(|_| wrong())?;
                response = response.with_header(name, value);
            }
        }
        Ok(response)
    }
}

/// The failure that an exception names.
fn failure(py: Python<'_>, raised: &PyErr) -> TransportError {
    let kind = if raised.is_instance_of::<PyTimeoutError>(py) {
        ErrorKind::Timeout
    } else if raised.is_instance_of::<PyConnectionError>(py) {
        ErrorKind::Unreachable
    } else {
        ErrorKind::Answer
    };
    let name = raised.get_type(py).name().map_or_else(|_| "…".to_owned(), |name| name.to_string());
    let text = raised.value(py).str().map_or_else(|_| String::new(), |text| text.to_string());
    let colon = if text.is_empty() { "" } else { ": " };
    TransportError::new(kind, format!("{name}{colon}{text}"))
}

/// `error` with what a hook raised as its cause; what is no `Exception` goes before any error.
pub(crate) fn caused(py: Python<'_>, error: PyErr, raised: Option<PyErr>) -> PyErr {
    match raised {
        Some(raised) if !raised.is_instance_of::<PyException>(py) => raised,
        Some(raised) => {
            error.set_cause(py, Some(raised));
            error
        }
        None => error,
    }
}

/// Without what the function holds.
impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}
