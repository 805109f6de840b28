//! A query on its way out, and its answer on the way back.

use std::fmt::Write as _;
use std::sync::Arc;

use apptuit_model::TimeRange;
use apptuit_model::wire::{AnswerError, QUERY_PATH, QueryAnswer, QueryFailure, timestamp_text};

use super::retry::with_retries;
use super::said;
use super::send::unpacked;
use super::{Client, Interrupt, Method, Request, Response, status_error};
use crate::result::{Output, QueryResult};
use crate::{Error, ErrorKind, Result};

/// Bytes of an encoded query that still travel in the URL; longer ones are posted.
const MAX_URL_QUERY_BYTES: usize = 6 * 1024;

/// Asks for the plan instead of the answer.
const EXPLAIN: &str = "&explain=true";

/// Bytes of an answer that are unpacked.
const MAX_ANSWER_BYTES: usize = 1 << 30;

/// Characters of a query's line that are shown on either side of a mistake.
const EXCERPT_CHARS: usize = 60;

/// Failures of the request around the query: the line they name is none of its text.
const PLACELESS: [&str; 2] = ["ERROR_INVALID_REQUEST", "ERROR_INVALID_BODY"];

impl Client {
    /// Asks for the series a query describes, in a range of time with both ends in it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Query`] if the query is wrong; [`Error::query_position`] says where, and
    /// [`Error::query_excerpt`] shows it. The other kinds say that there is no answer.
    pub fn query(&self, query: &str, range: TimeRange) -> Result<QueryResult> {
        self.query_until(query, range, &Interrupt::new())
    }

    /// The same, but that no further try is begun when `interrupt` is triggered.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query).
    pub fn query_until(
        &self,
        query: &str,
        range: TimeRange,
        interrupt: &Interrupt,
    ) -> Result<QueryResult> {
        let request = self.query_request(query, range);
        self.ask(request, query, interrupt).map(|answer| result_of(answer, range))
    }

    /// What the server would do for a query, in a line each: what is read, what the store does
    /// itself, and about how much that is. Empty if the server cannot tell.
    ///
    /// # Errors
    ///
    /// As for [`query`](Self::query).
    pub fn explain(&self, query: &str, range: TimeRange) -> Result<String> {
        self.explain_until(query, range, &Interrupt::new())
    }

    pub(crate) fn explain_until(
        &self,
        query: &str,
        range: TimeRange,
        interrupt: &Interrupt,
    ) -> Result<String> {
        let mut request = self.query_request(query, range);
        match request.method {
            Method::Post => Arc::make_mut(&mut request.body).extend_from_slice(EXPLAIN.as_bytes()),
            Method::Get => request.url.push_str(EXPLAIN),
        }
        let mut lines = self.ask(request, query, interrupt)?.hints;
        for line in &mut lines {
            line.push('\n');
        }
        Ok(lines.concat())
    }

    fn ask(&self, mut request: Request, query: &str, interrupt: &Interrupt) -> Result<QueryAnswer> {
        let (policy, timeout) = (self.retry_policy(), self.0.query_timeout);
        with_retries(policy, timeout, &*self.0.clock, interrupt, |left| {
            request.timeout = left;
            let response = self.0.transport.send(&request).map_err(|error| {
                let message = format!("cannot query `{}`: {error}", self.0.endpoint);
                Error::new(error.kind(), message).with_source(error)
            })?;
            self.read(&response, query)
        })
    }

    fn read(&self, response: &Response, query: &str) -> Result<QueryAnswer> {
        let (status, token) = (response.status(), &*self.0.token);
        let failed = |error: Error| {
            error
                .with_status(status)
                .while_doing(format_args!("cannot query `{}`", self.0.endpoint))
        };
        let body = unpacked(response, MAX_ANSWER_BYTES, token);
        let wrong = || {
            let failure = said::of_query(QueryFailure::decode(body.as_deref().ok()?)?, token);
            Some(query_error(&failure, query).with_status(status))
        };
        match status {
            200..=299 => {
                let body = body.as_deref().map_err(|error| failed(error.again()))?;
                match QueryAnswer::decode(body) {
                    Ok(answer) if answer.outputs.iter().any(|one| !one.series.is_empty()) => {
                        Ok(answer)
                    }
                    // A status below 400 does not make an error an answer.
                    read => wrong().map_or_else(
                        || read.map_err(|error| failed(unreadable(&error, token))),
                        Err,
                    ),
                }
            }
            400 if let Some(error) = wrong() => Err(error),
            _ => {
                let reason = body.ok().and_then(|body| said::reason_in(&body, token));
                Err(failed(status_error(response, token).with_reason(reason)))
            }
        }
    }

    fn query_request(&self, query: &str, range: TimeRange) -> Request {
        let [start, end] = [range.start(), range.end()].map(timestamp_text);
        let parameters = format!("start={start}&end={end}&q={}", percent_encoded(query));
        let url = format!("{}{QUERY_PATH}", self.0.endpoint);
        let mut headers = self.headers();
        headers.push(("Accept-Encoding", "deflate, gzip".to_owned()));
        let timeout = self.0.query_timeout;
        if parameters.len() <= MAX_URL_QUERY_BYTES {
            let url = format!("{url}?{parameters}");
            return Request { method: Method::Get, url, headers, body: Arc::default(), timeout };
        }
        headers.push(("Content-Type", "application/x-www-form-urlencoded".to_owned()));
        let body = Arc::new(parameters.into_bytes());
        Request { method: Method::Post, url, headers, body, timeout }
    }
}

/// It may quote what it finds: no source, which would too.
fn unreadable(error: &AnswerError, token: &str) -> Error {
    Error::new(ErrorKind::Answer, said::fit(&error.to_string(), token).unwrap_or_default())
}

/// The server's message, the place it names, counted from 1 as editors do, and its first hint.
fn query_error(failure: &QueryFailure, query: &str) -> Error {
    let line = usize::try_from(failure.line).ok().filter(|line| *line > 0);
    let line = line.filter(|_| !PLACELESS.contains(&&*failure.error_type));
    let column = usize::try_from(failure.column).ok();
    let place = match (line, column) {
        (Some(line), Some(column)) => format!(", at line {line}, column {}", column + 1),
        (Some(line), None) => format!(", at line {line}"),
        (None, _) => String::new(),
    };
    let hint = failure.hints.first().map(|hint| format!(", {hint}")).unwrap_or_default();
    let error = Error::new(ErrorKind::Query, format!("{}{place}{hint}", failure.message))
        .with_hints(&failure.hints);
    match line {
        Some(line) => {
            error.with_query_position(line, column).with_query_excerpt(excerpt(query, line, column))
        }
        None => error,
    }
}

/// A line of the query, and a caret under the place that is so many bytes into it.
fn excerpt(query: &str, line: usize, column: Option<usize>) -> Option<String> {
    let text = query.split('\n').nth(line - 1)?.trim_end();
    let Some(before) = column.and_then(|column| text.get(..column)) else {
        return Some(text.to_owned());
    };
    let place = before.chars().count();
    let first = place.saturating_sub(EXCERPT_CHARS);
    let (mut shown, mut caret) = (String::new(), place - first);
    if first > 0 {
        shown.push('…');
        caret += 1;
    }
    // A tab or another control character would move the caret away from its place.
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let mut rest = text.chars().skip(first).map(visible);
    shown.extend(rest.by_ref().take(place - first + EXCERPT_CHARS));
    shown.push_str(if rest.next().is_some() { "…" } else { "" });
    Some(format!("{shown}\n{:caret$}^", ""))
}

/// Servers may return points beside the range, and outputs without series.
fn result_of(answer: QueryAnswer, range: TimeRange) -> QueryResult {
    let outputs = answer.outputs.into_iter().filter(|output| !output.series.is_empty());
    let outputs = outputs.map(|output| {
        let series = output.series.into_iter().map(|one| one.series.within(range));
        Output::new(output.id, series.collect())
    });
    QueryResult::new(range, outputs.collect(), answer.hints)
}

/// All but ASCII letters, digits and `_ . - ~` as `%XX` of their UTF-8.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use apptuit_model::Timestamp;

    use super::*;

    fn client() -> Client {
        Client::builder().token("t").endpoint("http://x").ignore_environment().build().unwrap()
    }

    fn range() -> TimeRange {
        TimeRange::new(Timestamp::from_secs(100), Timestamp::from_millis(200_500))
    }

    #[test]
    fn only_unreserved_characters_stay_as_they_are() {
        assert_eq!(percent_encoded("aZ09_.-~"), "aZ09_.-~");
        assert_eq!(percent_encoded("a /'\né+"), "a%20%2F%27%0A%C3%A9%2B");
    }

    #[test]
    fn a_query_travels_in_the_url() {
        let request = client().query_request("fetch('m')", range());
        let url = "http://x/api/query?start=100&end=200.5&q=fetch%28%27m%27%29";
        assert_eq!((request.method(), request.url()), (Method::Get, url));
        assert_eq!(request.header("content-type"), None);
    }

    /// The server reads a number above 10^11 as milliseconds.
    #[test]
    fn instants_beyond_ten_to_the_eleventh_seconds_travel_in_milliseconds() {
        let range = TimeRange::new(
            Timestamp::from_secs(100_000_000_000),
            Timestamp::from_millis(100_000_000_000_500),
        );
        let request = client().query_request("q", range);
        let url = "http://x/api/query?start=100000000000&end=100000000000500&q=q";
        assert_eq!(request.url(), url);
        let all = client().query_request("q", TimeRange::ALL);
        let url = "http://x/api/query?start=-9223372036854775808&end=9223372036854775807&q=q";
        assert_eq!(all.url(), url);
    }

    #[test]
    fn a_long_query_is_posted_as_a_form() {
        let request = client().query_request(&"x".repeat(MAX_URL_QUERY_BYTES), range());
        assert_eq!((request.method(), request.url()), (Method::Post, "http://x/api/query"));
        assert!(request.body().starts_with(b"start=100&end=200.5&q=xxx"));
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(request.header("Content-Type"), form);
    }

    #[test]
    fn a_failure_without_a_place_has_none() {
        let failure = |error_type: &str, line, column| QueryFailure {
            error_type: error_type.to_owned(),
            message: "no".to_owned(),
            line,
            column,
            hints: Vec::new(),
        };
        let shown = |line, column| {
            let error = query_error(&failure("ERROR_PARSING_QUERY", line, column), "");
            (error.to_string(), error.query_position())
        };
        assert_eq!(shown(2, 17), ("no, at line 2, column 18".to_owned(), Some((2, Some(17)))));
        assert_eq!(shown(5, -1), ("no, at line 5".to_owned(), Some((5, None))));
        assert_eq!(shown(0, -1), ("no".to_owned(), None));
        let around = query_error(&failure("ERROR_INVALID_REQUEST", 1, -1), "");
        assert_eq!((around.to_string(), around.query_position()), ("no".to_owned(), None));
    }

    #[test]
    fn hints_of_the_server_are_told() {
        let body = br#"{"outputs":[],"hints":["did you mean `b`?","or not"],
            "errors":[{"errorType":"E","message":"no","queryLineNo":1,"queryColumnOffset":0}]}"#;
        let error = query_error(&QueryFailure::decode(body).unwrap(), "fetch('a')");
        assert_eq!(error.to_string(), "no, at line 1, column 1, did you mean `b`?");
        assert_eq!(error.hints(), ["did you mean `b`?", "or not"]);

        let body = br#"{"outputs":[],"hints":["no series has the tag `hots`"]}"#;
        let result = result_of(QueryAnswer::decode(body).unwrap(), range());
        assert_eq!(result.hints(), ["no series has the tag `hots`"]);
    }

    #[test]
    fn the_caret_stands_under_the_place_the_server_names() {
        let shown = |query, line, column| excerpt(query, line, column).unwrap();
        assert_eq!(shown("a = 1\nb =\té.x()\r\n", 2, Some(6)), "b = é.x()\n     ^");
        assert_eq!(shown("a", 1, Some(1)), "a\n ^");
        for (column, why) in [(None, "not told"), (Some(9), "outside"), (Some(3), "in a letter")] {
            assert_eq!(shown("a é", 1, column), "a é", "{why}");
        }
        assert_eq!(excerpt("a", 2, Some(0)), None);
        let long = format!("{}{}", "a".repeat(200), "b".repeat(200));
        let drawn = shown(&long, 1, Some(200));
        let (text, caret) = drawn.split_once('\n').unwrap();
        assert_eq!(text, format!("…{}{}…", "a".repeat(60), "b".repeat(60)));
        assert_eq!(caret, format!("{}^", " ".repeat(61)));
    }
}
