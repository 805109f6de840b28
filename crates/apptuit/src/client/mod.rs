//! The client: one server, one token, one pool of connections.

mod body;
mod builder;
mod deliver;
pub(crate) mod environment;
mod pack;
mod query;
mod redirect;
mod retry;
mod said;
mod send;
mod transport;

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::wire::PutPacker;
use apptuit_model::{Sanitizer, Tags};

pub use apptuit_model::wire::{ContentEncoding, PackEffort};
pub use body::Body;
pub use builder::ClientBuilder;
pub use deliver::{Delivery, Failure};
pub use pack::Packed;
pub use retry::{Interrupt, RetryPolicy};
pub(crate) use said::shortened;
pub use transport::{
    HttpTransport, Method, MockTransport, Request, Response, Transport, TransportError,
};

use crate::{Error, ErrorKind};

/// Sends points to a server and queries it.
///
/// A clone is cheap and shares the connections. All calls block.
///
/// ```no_run
/// use std::time::Duration;
///
/// use apptuit::{Client, DataPoint, TimeRange, Timestamp};
///
/// let client = Client::builder().endpoint("http://127.0.0.1:4242").build()?;
/// client.send(&[DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::now(), 21.5)])?;
/// let answer = client.query("fetch('room_celsius')", TimeRange::last(Duration::from_mins(5)))?;
/// println!("{}", answer[0].to_frame());
/// # Ok::<(), apptuit::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Settings>);

struct Settings {
    token: String,
    endpoint: String,
    user_agent: String,
    global_tags: Tags,
    sanitizer: Sanitizer,
    retry: RetryPolicy,
    timeout: Duration,
    query_timeout: Duration,
    transport: Box<dyn Transport>,
    clock: Box<dyn Clock>,
    compression: ContentEncoding,
    pack_effort: PackEffort,
    /// The one used last: it has memory that the next body can use.
    packer: Mutex<Option<PutPacker>>,
}

impl Client {
    /// A client to be configured.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The server, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// The tags every point gets that has no tag of the same key.
    pub fn global_tags(&self) -> &Tags {
        &self.0.global_tags
    }

    /// The rule for names.
    pub fn sanitizer(&self) -> Sanitizer {
        self.0.sanitizer
    }

    /// The time a send may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// The token, for no other use than to tell one from another.
    pub(crate) fn token(&self) -> &str {
        &self.0.token
    }

    /// The headers every request has.
    fn headers(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Authorization", format!("Bearer {}", self.0.token)),
            ("User-Agent", self.0.user_agent.clone()),
        ]
    }
}

/// Without the token.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.0.endpoint)
            .field("global_tags", &self.0.global_tags)
            .field("sanitizer", &self.0.sanitizer)
            .field("retry", &self.0.retry)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

/// What an answer with a status other than 2xx means, whatever was asked.
fn status_error(response: &Response) -> Error {
    let (status, text) = (response.status(), response.status_text());
    let error = match status {
        401 | 403 => Error::new(
            ErrorKind::Unauthorized,
            format!("the server does not accept the API token ({text})"),
        ),
        413 => Error::new(ErrorKind::TooLarge, format!("the request is too large ({text})")),
        300..=399 => {
            let target = response.header("location").unwrap_or("an unnamed place");
            Error::new(
                ErrorKind::Answer,
                format!("the server redirects to `{target}`, which is not followed ({text})"),
            )
        }
        408 | 429 | 500..=599 => {
            Error::new(ErrorKind::Server, format!("the server failed ({text})"))
        }
        _ => Error::new(ErrorKind::Answer, format!("the server answered with status {text}")),
    };
    error.with_status(status).with_retry_after(retry_after(response))
}

/// The pause the server asks for, if it gives one in seconds.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds: u64 = response.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_names_its_target() {
        let error = status_error(&Response::new(302, "").with_header("Location", "http://new/"));
        assert_eq!((error.kind(), error.status()), (ErrorKind::Answer, Some(302)));
        assert!(error.to_string().contains("`http://new/`"), "{error}");
    }

    #[test]
    fn a_pause_is_read_only_from_whole_seconds() {
        let asked = |text| retry_after(&Response::new(503, "").with_header("Retry-After", text));
        assert_eq!(asked(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let transport = MockTransport::new();
        let builder =
            Client::builder().token("s3cret").endpoint("http://x").transport(transport.clone());
        assert!(!format!("{builder:?}").contains("s3cret"));
        let client = builder.ignore_environment().build().unwrap();
        client.query("fetch('x')", apptuit_model::TimeRange::ALL).unwrap_err();
        let shown = format!("{client:?} {:?} {transport:?}", transport.requests());
        assert!(shown.contains("Request") && !shown.contains("s3cret"), "{shown}");
    }
}
