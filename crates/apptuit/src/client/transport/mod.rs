//! How a request reaches the server: the only place of this crate with sockets.

mod http;
mod mock;
mod one_write;
mod proxy;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::StatusCode;

pub use http::HttpTransport;
pub use mock::MockTransport;

use crate::{Error, ErrorKind, Result};

/// Sends one request and waits for its answer.
///
/// [`HttpTransport`] is the real one, [`MockTransport`] plays a script.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Sends `request` within its timeout. Redirects are not followed, failures not retried.
    ///
    /// # Errors
    ///
    /// There is no answer. An answer of any status is not an error here.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;
}

/// A request.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Arc<Vec<u8>>,
    pub(crate) timeout: Duration,
}

impl Request {
    /// What is done.
    pub fn method(&self) -> Method {
        self.method
    }

    /// To what.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// All headers, names with their values. That of the token is one of them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The body as it travels, compressed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The time until the answer must be there.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// The token stays out of it.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The verbs this service is spoken to with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Sends a body.
    Post,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same answer and a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// The body as it travelled, possibly compressed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The status with the usual words for it: `503 Service Unavailable`.
    pub(crate) fn status_text(&self) -> String {
        let words = StatusCode::from_u16(self.status).ok().and_then(|code| code.canonical_reason());
        words.map_or_else(|| self.status.to_string(), |words| format!("{} {words}", self.status))
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    kind: ErrorKind,
    message: String,
}

impl TransportError {
    /// An error of kind [`Unreachable`](ErrorKind::Unreachable), [`Timeout`](ErrorKind::Timeout),
    /// [`Tls`](ErrorKind::Tls), [`Answer`](ErrorKind::Answer) or
    /// [`Configuration`](ErrorKind::Configuration).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}
