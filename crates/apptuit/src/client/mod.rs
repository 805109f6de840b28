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
mod warning;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use apptuit_metrics::Clock;
use apptuit_model::wire::PutPacker;
use apptuit_model::{Sanitizer, Tags, Timestamp};

pub use apptuit_model::wire::{ContentEncoding, PackEffort};
pub use body::Body;
pub use builder::ClientBuilder;
pub use deliver::{Delivery, Failure};
pub use pack::Packed;
pub(crate) use retry::RetryAfter;
pub use retry::{Interrupt, RetryPolicy};
pub(crate) use said::shortened;
pub use transport::{
    HttpTransport, Method, MockTransport, Request, Response, Transport, TransportError,
};
pub use warning::{Warning, WarningKind};

use crate::{Error, ErrorKind};

/// Sends points to a server and queries it.
///
/// A clone is cheap and shares the connections. All calls block.
///
/// ```no_run
/// use std::time::{Duration, UNIX_EPOCH};
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
    unchecked_series: bool,
    retry: Mutex<RetryPolicy>,
    timeout: Duration,
    query_timeout: Duration,
    transport: Box<dyn Transport>,
    clock: Box<dyn Clock>,
    compression: ContentEncoding,
    pack_effort: PackEffort,
    /// The one used last: it has memory that the next body can use.
    packer: Mutex<Option<PutPacker>>,
    warnings: warning::Warnings,
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

    /// What works, but should be changed: old names of variables, and names that become one by
    /// sanitising. Each pair once; [`ClientBuilder::on_warning`] tells them as they come.
    pub fn warnings(&self) -> Vec<Warning> {
        self.0.warnings.all()
    }

    /// The time a send may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// What happens after a failure that may pass.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        *self.0.retry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what happens after a failure that may pass, from the next call on, for all clones.
    pub fn set_retry(&self, retry: RetryPolicy) {
        *self.0.retry.lock().unwrap_or_else(PoisonError::into_inner) = retry;
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
            .field("retry", &self.retry_policy())
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

/// What an answer with a status other than 2xx means, whatever was asked.
fn status_error(response: &Response, token: &str) -> Error {
    let (status, text) = (response.status(), response.status_text());
    let error = match status {
        401 | 403 => Error::new(
            ErrorKind::Unauthorized,
            format!("the server does not accept the API token ({text})"),
        ),
        413 => Error::new(ErrorKind::TooLarge, format!("the request is too large ({text})")),
        300..=399 => {
            let target = response.header("location").and_then(|target| said::fit(target, token));
            let target = target.as_deref().unwrap_or("an unnamed place");
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

/// What the server asks for in `Retry-After`, in either form.
fn retry_after(response: &Response) -> Option<RetryAfter> {
    let text = response.header("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are for ever.
        return Some(RetryAfter::Pause(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
    }
    let date = |text| httpdate::parse_http_date(text).ok();
    let until = date(text)?;
    if let Some(now) = response.header("date").and_then(date) {
        // By the server's own clock: ours may be wrong.
        return Some(RetryAfter::Pause(until.duration_since(now).unwrap_or_default()));
    }
    let since = until.duration_since(UNIX_EPOCH).ok()?;
    Some(RetryAfter::Until(Timestamp::default().saturating_add(since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_names_its_target() {
        let moved = Response::new(302, "").with_header("Location", "http://new/?t=s3cret");
        let error = status_error(&moved, "s3cret");
        assert_eq!((error.kind(), error.status()), (ErrorKind::Answer, Some(302)));
        assert!(error.to_string().contains("`http://new/?t=…`"), "{error}");
    }

    #[test]
    fn a_pause_is_read_as_seconds_and_as_a_date() {
        let answer = |text| Response::new(503, "").with_header("Retry-After", text);
        let asked = |text| retry_after(&answer(text));
        assert_eq!(asked(" 7 "), Some(RetryAfter::Pause(Duration::from_secs(7))));
        assert_eq!(asked("0"), Some(RetryAfter::Pause(Duration::ZERO)));
        let forever = Some(RetryAfter::Pause(Duration::from_secs(u64::MAX)));
        assert_eq!(asked("99999999999999999999999"), forever);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        // From the standard's examples: 784111777 seconds after the epoch.
        assert_eq!(asked(date), Some(RetryAfter::Until(Timestamp::from_secs(784_111_777))));
        for wrong in ["", "-1", "1.5", "soon", "Sun, 06 Nov"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
        let dated = |now| retry_after(&answer(date).with_header("Date", now));
        let half_a_minute = Some(RetryAfter::Pause(Duration::from_secs(30)));
        assert_eq!(dated("Sun, 06 Nov 1994 08:49:07 GMT"), half_a_minute);
        let over = Some(RetryAfter::Pause(Duration::ZERO));
        assert_eq!(dated("Sun, 06 Nov 1994 08:50:00 GMT"), over);
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
