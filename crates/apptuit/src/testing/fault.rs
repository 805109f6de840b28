//! What can go wrong with a request.

use std::time::{Duration, UNIX_EPOCH};

use apptuit_model::Timestamp;

use crate::ErrorKind;
use crate::client::{Response, TransportError};

/// What happens to a request instead of being served well.
///
/// | | the client sees |
/// | --- | --- |
/// | [`status`](Self::status), [`redirect`](Self::redirect), [`answer`](Self::answer) | an answer |
/// | [`refused`](Self::refused) | no connection |
/// | [`reset`](Self::reset) | a connection that breaks before the answer |
/// | [`cut`](Self::cut) | an answer that ends in the middle |
/// | [`silence`](Self::silence) | no answer until its time is over |
/// | [`drip`](Self::drip) | an answer that comes byte by byte |
/// | [`untrusted`](Self::untrusted) | a certificate it does not trust |
///
/// [`after`](Self::after) lets time pass before, and with [`but_kept`](Self::but_kept) the server
/// has kept the points by then: the answer that is lost is a good one.
#[derive(Clone, Debug)]
pub struct Fault {
    pub(super) delay: Duration,
    pub(super) is_kept: bool,
    pub(super) ending: Ending,
}

/// How a request ends.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Well, unless it is late.
    Served,
    Answer(Response),
    /// A status, and an instant so much later than the answer.
    RetryAt(u16, Duration),
    Failure(TransportError),
    Silence,
}

impl Fault {
    fn ending(ending: Ending) -> Self {
        Self { delay: Duration::ZERO, is_kept: false, ending }
    }

    fn failure(kind: ErrorKind, message: &str) -> Self {
        Self::ending(Ending::Failure(TransportError::new(kind, message)))
    }

    /// An answer of this status with an empty body.
    pub fn status(status: u16) -> Self {
        Self::answer(Response::new(status, ""))
    }

    /// This answer.
    pub fn answer(response: Response) -> Self {
        Self::ending(Ending::Answer(response))
    }

    /// An answer of this status that says in seconds when to come back.
    pub fn retry_after(status: u16, pause: Duration) -> Self {
        let seconds = pause.as_secs().to_string();
        Self::answer(Response::new(status, "").with_header("Retry-After", seconds))
    }

    /// An answer of this status that says as a date when to come back.
    pub fn retry_at(status: u16, pause: Duration) -> Self {
        Self::ending(Ending::RetryAt(status, pause))
    }

    /// An answer that sends the client to another place.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::answer(Response::new(status, "").with_header("Location", location))
    }

    /// Nobody listens.
    pub fn refused() -> Self {
        Self::failure(ErrorKind::Unreachable, "connection refused")
    }

    /// The connection breaks after the request was sent.
    pub fn reset() -> Self {
        Self::failure(ErrorKind::Unreachable, "connection reset by peer")
    }

    /// The server closes its side in the middle of the answer.
    pub fn cut() -> Self {
        Self::failure(ErrorKind::Unreachable, "the peer disconnected")
    }

    /// The server's certificate is not one the client trusts.
    pub fn untrusted() -> Self {
        Self::failure(ErrorKind::Tls, "invalid peer certificate: UnknownIssuer")
    }

    /// No answer, ever. It costs the client all the time it has.
    pub fn silence() -> Self {
        Self::ending(Ending::Silence)
    }

    /// A good answer of 200 bytes that takes its time: a timeout if the client has less.
    ///
    /// # Panics
    ///
    /// `bytes_per_second` is not above zero.
    pub fn drip(bytes_per_second: f64) -> Self {
        Self::slow(Duration::from_secs_f64(200.0 / bytes_per_second))
    }

    /// A good answer after so much time: a timeout if the client has less.
    pub fn slow(delay: Duration) -> Self {
        Self::ending(Ending::Served).after(delay)
    }

    /// The same after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same after the server has kept the points.
    #[must_use]
    pub fn but_kept(mut self) -> Self {
        self.is_kept = true;
        self
    }
}

/// An answer that names the instant at which to come back.
pub(super) fn come_back_at(status: u16, instant: Timestamp) -> Response {
    let seconds = u64::try_from(instant.as_secs()).unwrap_or_default();
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
    Response::new(status, "").with_header("Retry-After", date)
}
