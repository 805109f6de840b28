//! What failed, and what the caller can do about it.

use std::error::Error as StdError;
use std::fmt;

use apptuit_model::{TimeSeriesName, Timestamp};

use crate::client::{RetryAfter, shortened};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be sent, reported or queried.
///
/// [`kind`](Self::kind) says what went wrong, [`is_retryable`](Self::is_retryable) whether trying
/// again may help, [`rejected`](Self::rejected) which points were refused.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    rejected: Vec<Rejection>,
    succeeded: u64,
    failed: u64,
    query_position: Option<(usize, Option<usize>)>,
    query_excerpt: Option<String>,
    hints: Vec<String>,
    retry_after: Option<RetryAfter>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error with a message of one lower-case clause, for a
    /// [`PointSink`](crate::reporter::PointSink) of your own.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            rejected: Vec::new(),
            succeeded: 0,
            failed: 0,
            query_position: None,
            query_excerpt: None,
            hints: Vec::new(),
            retry_after: None,
            source: None,
        }))
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same request may succeed later. Retries ask only this.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind(), ErrorKind::Server | ErrorKind::Unreachable | ErrorKind::Timeout)
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The points that were refused, as far as they are known one by one.
    pub fn rejected(&self) -> &[Rejection] {
        &self.0.rejected
    }

    /// How many points of the batch were kept.
    pub fn succeeded(&self) -> u64 {
        self.0.succeeded
    }

    /// How many points of the batch were not kept.
    pub fn failed(&self) -> u64 {
        self.0.failed
    }

    /// The place in the query the server complains about: the line, counted from 1, and in it the
    /// byte, counted from 0, if the server named one.
    pub fn query_position(&self) -> Option<(usize, Option<usize>)> {
        self.0.query_position
    }

    /// The line of the query the server complains about, and in a second line a caret under the
    /// place, if the server named one: to be shown to whoever wrote the query.
    pub fn query_excerpt(&self) -> Option<&str> {
        self.0.query_excerpt.as_deref()
    }

    /// What the server advises on a query that failed, a clause each, such as "did you mean
    /// `node_cpu`?"
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// How long the server asks to wait before the next try.
    pub(crate) fn retry_after(&self) -> Option<RetryAfter> {
        self.0.retry_after
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(crate) fn with_counts(mut self, succeeded: u64, failed: u64) -> Self {
        self.0.succeeded = succeeded;
        self.0.failed = failed;
        self
    }

    pub(crate) fn with_rejected(mut self, rejected: Vec<Rejection>) -> Self {
        self.0.rejected = rejected;
        self
    }

    pub(crate) fn take_rejected(&mut self) -> Vec<Rejection> {
        std::mem::take(&mut self.0.rejected)
    }

    /// The same failure of something else: without its points and its source.
    pub(crate) fn again(&self) -> Self {
        let again = Self::new(self.kind(), &*self.0.message).with_retry_after(self.0.retry_after);
        match self.0.status {
            Some(status) => again.with_status(status),
            None => again,
        }
    }

    /// The same error, with the server's reason at the end of its message.
    pub(crate) fn with_reason(mut self, reason: Option<String>) -> Self {
        if let Some(reason) = reason {
            self.0.message = format!("{}: {reason}", self.0.message);
        }
        self
    }

    pub(crate) fn with_query_position(mut self, line: usize, column: Option<usize>) -> Self {
        self.0.query_position = Some((line, column));
        self
    }

    pub(crate) fn with_query_excerpt(mut self, excerpt: Option<String>) -> Self {
        self.0.query_excerpt = excerpt;
        self
    }

    /// The same error, with what was being done at the beginning of its message.
    pub(crate) fn while_doing(mut self, what: fmt::Arguments<'_>) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    pub(crate) fn with_hints(mut self, hints: &[String]) -> Self {
        self.0.hints = hints.to_vec();
        self
    }

    pub(crate) fn with_retry_after(mut self, pause: Option<RetryAfter>) -> Self {
        self.0.retry_after = pause;
        self
    }

    /// A batch of which some points were kept and some refused.
    pub(crate) fn refusal(succeeded: u64, failed: u64, rejected: Vec<Rejection>) -> Self {
        let total = succeeded.saturating_add(failed);
        let shown = |one: &Rejection| {
            format!("`{}`: {}", shortened(&one.name.to_string()), shortened(&one.reason))
        };
        let message = match rejected.first().map(shown) {
            Some(first) if failed == 1 => format!("1 of {total} points was refused, {first}"),
            Some(first) => {
                format!("{failed} of {total} points were refused, the first is {first}")
            }
            None => format!("{failed} of {total} points were refused, without a reason"),
        };
        Self::new(ErrorKind::Rejected, message)
            .with_rejected(rejected)
            .with_counts(succeeded, failed)
    }

    /// One error that stands for those of several batches, with the counts of all of them; `None`
    /// if there are none.
    pub(crate) fn joined(mut errors: Vec<Self>, succeeded: u64, failed: u64) -> Option<Self> {
        if errors.len() < 2 {
            return errors.pop().map(|error| error.with_counts(succeeded, failed));
        }
        let (kind, status) = (errors[0].kind(), errors[0].status());
        let message = format!(
            "{failed} of {} points could not be sent, first because {}",
            succeeded.saturating_add(failed),
            errors[0]
        );
        let rejected = errors.iter_mut().flat_map(|error| error.0.rejected.drain(..)).collect();
        let mut joined = Self::new(kind, message);
        joined.0.status = status;
        Some(joined.with_rejected(rejected).with_counts(succeeded, failed))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing or makes no sense: nothing was sent.
    Configuration,
    /// Some points were refused; the others were kept.
    Rejected,
    /// The token is not accepted.
    Unauthorized,
    /// The request is larger than the server takes.
    TooLarge,
    /// The server failed or is overloaded.
    Server,
    /// No connection, or it broke.
    Unreachable,
    /// The server's certificate is not trusted, or the two sides do not agree on encryption.
    Tls,
    /// No answer in time.
    Timeout,
    /// The query is wrong.
    Query,
    /// The answer is none of this service's: another status, a redirect, an unreadable body.
    Answer,
    /// Code of the program that a report called panicked.
    Panicked,
    /// The spool cannot be read or written.
    Spool,
}

/// A point that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    index: Option<usize>,
    point: Option<usize>,
    name: TimeSeriesName,
    sample: Option<(Timestamp, f64)>,
    reason: String,
}

impl Rejection {
    pub(crate) fn new(
        index: Option<usize>,
        name: impl Into<TimeSeriesName>,
        reason: impl Into<String>,
    ) -> Self {
        Self { index, point: None, name: name.into(), sample: None, reason: reason.into() }
    }

    /// The same, of a point with this instant and value.
    pub(crate) fn with_sample(mut self, sample: Option<(Timestamp, f64)>) -> Self {
        self.sample = sample;
        self
    }

    /// The same point by another place, and the name that the caller has for its series.
    pub(crate) fn called(&mut self, index: usize, name: TimeSeriesName) {
        (self.index, self.name) = (Some(index), name);
    }

    /// The point by its place in its series.
    pub(crate) fn at_point(&mut self, point: Option<usize>) {
        self.point = point;
    }

    /// The same, its place counted from `offset` earlier.
    pub(crate) fn moved_by(mut self, offset: usize) -> Self {
        self.index = self.index.map(|index| index + offset);
        self
    }

    /// Its place among the points (or the series, for [`send_series`](crate::Client::send_series))
    /// of the call, counted from 0; `None` if the server named a point nobody sent, and in reports.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// For [`send_series`](crate::Client::send_series), its place among the points of its series,
    /// counted from 0; `None` if it stands for several of them, and for all other calls.
    pub fn point(&self) -> Option<usize> {
        self.point
    }

    /// The series it belongs to, as the caller named it.
    pub fn name(&self) -> &TimeSeriesName {
        &self.name
    }

    /// Its instant and its value; `None` if the server named a point nobody sent, and if it stands for a
    /// series or a metric.
    pub fn sample(&self) -> Option<(Timestamp, f64)> {
        self.sample
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(index: usize) -> Rejection {
        Rejection::new(Some(index), ("cpu", [("host", "a")]), "too hot")
    }

    #[test]
    fn a_refusal_names_the_first_point_and_the_counts() {
        let one = Error::refusal(4, 1, vec![rejection(2)]);
        assert_eq!(one.to_string(), "1 of 5 points was refused, `cpu{host:a}`: too hot");
        let none = Error::refusal(3, 2, vec![]);
        assert_eq!(none.to_string(), "2 of 5 points were refused, without a reason");
        let long = Rejection::new(None, "m".repeat(9000), "r".repeat(9000));
        let long = Error::refusal(4, 1, vec![long]);
        assert!(long.to_string().len() < 700, "{long}");
        assert_eq!(long.rejected()[0].reason().len(), 9000);
    }

    #[test]
    fn joined_errors_keep_all_rejections_and_the_first_kind() {
        let errors = vec![
            Error::refusal(1, 1, vec![rejection(0)]),
            Error::new(ErrorKind::Unreachable, "connection refused").with_counts(0, 2),
            Error::refusal(0, 1, vec![rejection(1)]),
        ];
        let joined = Error::joined(errors, 1, 4).unwrap();
        assert_eq!(joined.kind(), ErrorKind::Rejected);
        assert_eq!((joined.rejected().len(), joined.succeeded(), joined.failed()), (2, 1, 4));
    }

    #[test]
    fn only_passing_troubles_are_retryable() {
        let retryable = |kind| Error::new(kind, "").is_retryable();
        assert!(retryable(ErrorKind::Server) && retryable(ErrorKind::Unreachable));
        assert!(retryable(ErrorKind::Timeout));
        for final_kind in [ErrorKind::Rejected, ErrorKind::Tls, ErrorKind::Unauthorized] {
            assert!(!retryable(final_kind));
        }
    }
}
