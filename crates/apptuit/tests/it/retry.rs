//! What is tried again, how often, and for how long.

use std::time::{Duration, Instant};

use apptuit::client::{MockTransport, Request, Response, Transport, TransportError};
use apptuit::metrics::ManualClock;
use apptuit::{ErrorKind, RetryPolicy, TimeRange};

use crate::{client_of, point};

/// Retries without a wait worth mentioning.
fn quick(retries: u32) -> RetryPolicy {
    RetryPolicy::exponential(retries).base_pause(Duration::from_micros(1))
}

#[test]
fn passing_troubles_are_tried_again_and_refusals_are_not() {
    for (status, tries) in
        [(500, 3), (503, 3), (599, 3), (408, 3), (429, 3), (400, 1), (401, 1), (404, 1), (413, 1)]
    {
        let server = MockTransport::new();
        (0..9).for_each(|_| server.answer(Response::new(status, "")));
        let client = client_of(&server).retry(quick(2)).build().unwrap();
        let error = client.send(&[point("a")]).unwrap_err();
        assert_eq!((error.status(), server.requests().len()), (Some(status), tries));
    }
    for (kind, tries) in [(ErrorKind::Unreachable, 3), (ErrorKind::Timeout, 3), (ErrorKind::Tls, 1)]
    {
        let server = MockTransport::new();
        (0..9).for_each(|_| server.fail(TransportError::new(kind, "gone")));
        let client = client_of(&server).retry(quick(2)).build().unwrap();
        let error = client.send(&[point("a")]).unwrap_err();
        assert_eq!((error.kind(), error.failed(), server.requests().len()), (kind, 1, tries));
    }
}

#[test]
fn by_default_there_is_one_try() {
    let server = MockTransport::new();
    server.answer(Response::new(500, ""));
    let client = client_of(&server).build().unwrap();
    client.send(&[point("a")]).unwrap_err();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_later_success_is_a_success_with_the_same_body() {
    let server = MockTransport::new();
    server.answer(Response::new(503, ""));
    server.fail(TransportError::new(ErrorKind::Unreachable, "reset"));
    let client = client_of(&server).retry(quick(2)).build().unwrap();
    client.send(&[point("a")]).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].body(), requests[2].body());
}

#[test]
fn a_batch_with_a_refused_point_is_final() {
    let server = MockTransport::new();
    let body = r#"{"success":0,"failed":1,"errors":[]}"#;
    server.answer(Response::new(400, body));
    let client = client_of(&server).retry(quick(5)).build().unwrap();
    assert_eq!(client.send(&[point("a")]).unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn queries_are_retried_by_the_same_rule() {
    let server = MockTransport::new();
    server.answer(Response::new(504, ""));
    server.answer(Response::new(200, r#"{"outputs":[]}"#));
    let client = client_of(&server).retry(quick(1)).build().unwrap();
    assert!(client.query("fetch('m')", TimeRange::ALL).unwrap().is_empty());

    server.answer(Response::new(400, r#"{"errorType":"E","message":"bad","queryLineNo":1}"#));
    let error = client.query("fetch(", TimeRange::ALL).unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::Query, 3));
}

/// Takes a minute of the clock for every answer, which is always that it is overloaded.
#[derive(Debug)]
struct Slow(ManualClock, MockTransport);

impl Transport for Slow {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.0.advance(Duration::from_mins(1));
        self.1.answer(Response::new(503, ""));
        self.1.send(request)
    }
}

#[test]
fn the_timeout_is_that_of_all_tries_together() {
    let (clock, server) = (ManualClock::new(), MockTransport::new());
    let client = client_of(&server)
        .transport(Slow(clock.clone(), server.clone()))
        .clock(clock)
        .retry(quick(9))
        .timeout(Duration::from_secs(150))
        .build()
        .unwrap();
    client.send(&[point("a")]).unwrap_err();
    let left: Vec<_> = server.requests().iter().map(|one| one.timeout().as_secs()).collect();
    assert_eq!(left, [150, 90, 30]);
}

#[test]
fn a_pause_the_timeout_has_no_room_for_is_not_begun() {
    let server = MockTransport::new();
    server.answer(Response::new(503, "").with_header("Retry-After", "3600"));
    let client = client_of(&server).retry(quick(9)).build().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the time a person would wait is what is tested")]
    let start = Instant::now();
    client.send(&[point("a")]).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(server.requests().len(), 1);
}
