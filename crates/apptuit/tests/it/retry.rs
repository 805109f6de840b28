//! What is tried again, how often, and for how long.

use std::time::{Duration, Instant};

use apptuit::client::{Interrupt, MockTransport, Request, Response, Transport, TransportError};
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
fn the_rule_can_be_changed_for_a_client_and_its_clones() {
    let server = MockTransport::new();
    (0..9).for_each(|_| server.answer(Response::new(500, "")));
    let client = client_of(&server).build().unwrap();
    client.clone().set_retry(quick(2));
    client.send(&[point("a")]).unwrap_err();
    assert_eq!(server.requests().len(), 3);
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

/// The server's clock is what a date is compared with, not ours, which stands at the epoch here.
#[test]
fn a_server_may_name_the_second_from_which_on_it_takes_points() {
    let server = MockTransport::new();
    let dated = |retry_after: &str| {
        let answer = Response::new(429, "").with_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        answer.with_header("Retry-After", retry_after)
    };
    server.answer(dated("Sun, 06 Nov 1994 08:49:37 GMT"));
    server.answer(dated("Sun, 06 Nov 1994 08:55:00 GMT"));
    let client = client_of(&server).clock(ManualClock::new()).retry(quick(9)).build().unwrap();
    let error = client.send(&[point("a")]).unwrap_err();
    // At once after the first answer; the second asks for more time than a send has.
    assert_eq!((error.status(), server.requests().len()), (Some(429), 2));
}

#[test]
fn an_interrupt_ends_the_pause_between_tries() {
    let server = MockTransport::new();
    (0..9).for_each(|_| server.answer(Response::new(503, "").with_header("Retry-After", "50")));
    let client = client_of(&server).retry(quick(9)).build().unwrap();
    let body = client.pack(&[point("a")]).bodies.remove(0);
    let interrupt = Interrupt::new();
    let other = interrupt.clone();
    let waiting = std::thread::spawn(move || {
        client.deliver(&body, Duration::from_mins(1), &other).failures.len()
    });
    while server.requests().is_empty() {
        std::thread::yield_now();
    }
    #[expect(clippy::disallowed_methods, reason = "the time a person would wait is what is tested")]
    let start = Instant::now();
    interrupt.trigger();
    assert_eq!(waiting.join().unwrap(), 1);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_put_is_posted_again_where_the_same_server_sends_it() {
    for status in [307, 308] {
        let server = MockTransport::new();
        let moved = |to| Response::new(status, "").with_header("Location", to);
        server.answer(moved("/v2/put?details"));
        server.answer(moved("http://server.test:80/v3/put"));
        let client = client_of(&server).build().unwrap();
        client.send(&[point("a")]).unwrap();
        let requests = server.requests();
        let urls: Vec<_> = requests.iter().map(Request::url).collect();
        let expected = [
            "http://server.test/api/put?details",
            "http://server.test/v2/put?details",
            "http://server.test:80/v3/put",
        ];
        assert_eq!(urls, expected);
        assert!(requests.iter().all(|one| one.body() == requests[0].body()));
        let key = |one: &Request| one.header("idempotency-key").map(str::to_owned);
        assert!(requests.iter().all(|one| key(one).is_some() && key(one) == key(&requests[0])));
    }
}

#[test]
fn other_redirects_of_a_put_are_told_and_not_followed() {
    for (status, to) in [
        (301, "/new"),
        (302, "/new"),
        (303, "/new"),
        (307, "http://elsewhere.test/new"),
        (308, "https://server.test/new"),
    ] {
        let server = MockTransport::new();
        server.answer(Response::new(status, "").with_header("Location", to));
        let client = client_of(&server).retry(quick(3)).build().unwrap();
        let error = client.send(&[point("a")]).unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Answer, Some(status)));
        assert!(error.to_string().contains(&format!("`{to}`")), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_circle_of_redirects_is_left() {
    let server = MockTransport::new();
    (0..99).for_each(|_| server.answer(Response::new(307, "").with_header("Location", "/")));
    let error = client_of(&server).build().unwrap().send(&[point("a")]).unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::Answer, 6));
}
