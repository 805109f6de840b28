//! How a request reaches the server: the only place of this crate with sockets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::StatusCode;

use crate::{Error, ErrorKind, Result};

/// Bytes of an answer that are read; a longer one is an error.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// Longer timeouts are cut to it: the library adds them to an instant, which must not overflow.
const MAX_TIMEOUT: Duration = Duration::from_hours(100 * 365 * 24);

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

/// HTTP/1.1 over kept connections, with the proxies of the environment.
///
/// `~/.netrc` is not read: the token is the only credential sent.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    agent: ureq::Agent,
}

impl HttpTransport {
    /// A pool of connections, still empty.
    ///
    /// # Errors
    ///
    /// The file or folder that a variable names as certificates cannot be read or holds none.
    pub fn new() -> Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config()?);
        Ok(Self { agent: config.build().new_agent() })
    }

    fn exchange(&self, request: &Request) -> Result<Response, ureq::Error> {
        let timeout = Some(request.timeout.min(MAX_TIMEOUT));
        let answer = match request.method {
            Method::Get => {
                let get = self.agent.get(&request.url).config().timeout_global(timeout).build();
                request.headers.iter().fold(get, |get, (key, value)| get.header(*key, value)).call()
            }
            Method::Post => {
                let post = self.agent.post(&request.url).config().timeout_global(timeout).build();
                let headers = request.headers.iter();
                headers
                    .fold(post, |post, (key, value)| post.header(*key, value))
                    .send(&request.body[..])
            }
        }?;
        let (head, body) = answer.into_parts();
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        Ok(Response {
            status: head.status.as_u16(),
            headers: head
                .headers
                .iter()
                .map(|(key, value)| (key.to_string(), text(value)))
                .collect(),
            body: body.into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?,
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.exchange(request).map_err(|error| {
            let kind = kind_of(&error);
            match kind {
                ErrorKind::Timeout => TransportError::new(
                    kind,
                    format!("no answer within {:.1} s", request.timeout.as_secs_f64()),
                ),
                _ => TransportError::new(kind, with_hint(cause(&error), &request.url)),
            }
        })
    }
}

/// The message without the library's prefix.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The message, and what may be behind one that does not tell.
fn with_hint(message: String, url: &str) -> String {
    let encrypted = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let says = |words: &str| message.contains(words);
    let hint = if encrypted && says("corrupt message") {
        "does the server speak http?"
    } else if !encrypted && says("http parse fail") {
        "does the server speak https?"
    } else if says("UnknownIssuer") {
        "SSL_CERT_FILE can name a file of certificates to trust"
    } else if says("CaUsedAsEndEntity") {
        "expected one for servers, which a certificate of SSL_CERT_FILE vouches for"
    } else {
        return message;
    };
    format!("{message}, {hint}")
}

fn kind_of(error: &ureq::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;

    use ureq::Error as E;
    match error {
        E::Timeout(_) => ErrorKind::Timeout,
        E::Io(io) => match io.kind() {
            Io::TimedOut => ErrorKind::Timeout,
            // rustls hands its refusals through `io::Error` as invalid data.
            Io::InvalidData if cfg!(feature = "tls") => ErrorKind::Tls,
            _ => ErrorKind::Unreachable,
        },
        E::Tls(_) | E::TlsRequired => ErrorKind::Tls,
        #[cfg(feature = "tls")]
        E::Rustls(_) | E::Pem(_) => ErrorKind::Tls,
        E::Http(_) | E::BadUri(_) | E::InvalidProxyUrl => ErrorKind::Configuration,
        E::Protocol(_) | E::BodyExceedsLimit(_) | E::LargeResponseHeader(..) => ErrorKind::Answer,
        _ => ErrorKind::Unreachable,
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::fs;
    use std::path::Path;

    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

    use crate::client::environment;
    use crate::{Error, ErrorKind, Result};

    /// Mozilla's roots, or those of the file or folder that a variable names.
    pub(super) fn config() -> Result<TlsConfig> {
        let roots = match environment::certificates() {
            Some((variable, path)) => roots(variable, &path)?,
            None => RootCerts::WebPki,
        };
        Ok(TlsConfig::builder().root_certs(roots).build())
    }

    fn roots(variable: &str, path: &Path) -> Result<RootCerts> {
        let unreadable = |error: std::io::Error| {
            let message = format!("{variable} names `{}`: {error}", path.display());
            Error::new(ErrorKind::Configuration, message).with_source(error)
        };
        let mut certificates = Vec::new();
        if path.is_dir() {
            for entry in path.read_dir().map_err(unreadable)? {
                // A folder of certificates may hold anything else.
                let pem = entry.and_then(|entry| fs::read(entry.path())).unwrap_or_default();
                certificates.extend(certificates_in(&pem).flatten());
            }
        } else {
            for certificate in certificates_in(&fs::read(path).map_err(unreadable)?) {
                let certificate =
                    certificate.map_err(|error| unusable(variable, path).with_source(error))?;
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(unusable(variable, path));
        }
        Ok(RootCerts::from(certificates))
    }

    fn certificates_in(
        pem: &[u8],
    ) -> impl Iterator<Item = Result<Certificate<'static>, ureq::Error>> {
        parse_pem(pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn unusable(variable: &str, path: &Path) -> Error {
        let path = path.display();
        Error::new(
            ErrorKind::Configuration,
            format!("{variable} names `{path}`, which holds no certificates in PEM form"),
        )
    }
}

/// Answers by a script and remembers what it was asked. Clones share both.
///
/// When the script is at its end, every further request is answered with `204 No Content`.
///
/// ```
/// use apptuit::client::{MockTransport, Response};
/// use apptuit::{Client, DataPoint, Timestamp};
///
/// let server = MockTransport::new();
/// server.answer(Response::new(503, ""));
/// let client = Client::builder().token("t").transport(server.clone()).build()?;
///
/// let point = DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::from_secs(60), 21.5);
/// assert!(client.send(&[point]).unwrap_err().is_retryable());
/// assert_eq!(server.requests().len(), 1);
/// # Ok::<(), apptuit::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MockTransport {
    state: Arc<Mutex<MockState>>,
}

#[derive(Debug, Default)]
struct MockState {
    script: VecDeque<Result<Response, TransportError>>,
    requests: Vec<Request>,
}

impl MockTransport {
    /// A transport with an empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer at the end of the script.
    pub fn answer(&self, response: Response) {
        self.lock().script.push_back(Ok(response));
    }

    /// Adds a failure at the end of the script.
    pub fn fail(&self, error: TransportError) {
        self.lock().script.push_back(Err(error));
    }

    /// What was asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, MockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for MockTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let mut state = self.lock();
        state.requests.push(request.clone());
        state.script.pop_front().unwrap_or_else(|| Ok(Response::new(204, "")))
    }
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::new(error.kind(), error.to_string())
    }
}
