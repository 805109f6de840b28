//! Real sockets that misbehave: a clear error of the right kind, in bounded time.

pub(crate) mod server;

use std::net::{Ipv6Addr, TcpListener};
use std::time::{Duration, Instant};

use apptuit::client::{Body, Interrupt};
use apptuit::{Client, ClientBuilder, Error, ErrorKind, RetryPolicy, TimeRange, Timestamp};
#[cfg(feature = "tls")]
use apptuit_server::ServerConfig;

use self::server::{HostileServer, Manner};
#[cfg(feature = "tls")]
use crate::end_to_end;
use crate::{point, skip};

const GOOD: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"outputs\":[]}";
const TORN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"outputs\":[";
const TORN_CHUNK: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{\"out";
#[cfg(feature = "testing")]
const MOVED: &str = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
const HALF_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Le";

/// What a call may take beside its timeout, on a machine that does much else.
const SLACK: Duration = Duration::from_secs(3);

fn client(endpoint: &str) -> ClientBuilder {
    let builder = Client::builder().token("t").endpoint(endpoint).ignore_environment();
    builder.timeout(Duration::from_secs(10)).query_timeout(Duration::from_secs(10))
}

/// The failure of `call`, which has to come within `limit` and a slack.
fn fails_within(limit: Duration, call: impl FnOnce() -> Result<(), Error>) -> Error {
    #[expect(clippy::disallowed_methods, reason = "the time a person would wait is what is tested")]
    let start = Instant::now();
    let error = call().expect_err("a failure");
    let took = start.elapsed();
    assert!(took < limit + SLACK, "{took:?} instead of {limit:?}: {error}");
    error
}

#[test]
fn broken_connections_and_torn_answers_are_told_at_once() {
    use ErrorKind::{Answer, Unreachable};
    for (manner, kind) in [
        (Manner::ResetAtOnce, Unreachable),
        (Manner::CloseAtOnce, Unreachable),
        (Manner::ResetAfterRequest, Unreachable),
        (Manner::CloseAfterRequest, Unreachable),
        (Manner::Reset(HALF_HEAD), Unreachable),
        (Manner::Reset(TORN), Unreachable),
        (Manner::Close(HALF_HEAD), Unreachable),
        (Manner::Close(TORN), Unreachable),
        (Manner::Close(TORN_CHUNK), Unreachable),
        (Manner::HalfClose(""), Unreachable),
        (Manner::HalfClose(HALF_HEAD), Unreachable),
        (Manner::HalfClose(TORN), Unreachable),
        (Manner::HalfClose(TORN_CHUNK), Unreachable),
        (Manner::Close("SSH-2.0-OpenSSH_9.6\r\n"), Answer),
        (Manner::Answer("HTTP/1.1 two hundred\r\n\r\n"), Answer),
    ] {
        let server = HostileServer::start([manner.clone()]);
        let client = client(&server.endpoint()).build().unwrap();
        let sent = fails_within(Duration::ZERO, || client.send(&[point("a")]));
        let asked = || client.query("fetch('a')", TimeRange::ALL).map(drop);
        let asked = fails_within(Duration::ZERO, asked);
        assert_eq!((sent.kind(), asked.kind()), (kind, kind), "{manner:?}: {sent}, {asked}");
        assert!(sent.to_string().contains(&server.endpoint()), "{sent}");
        assert_eq!(sent.failed(), 1, "{manner:?}");
    }
}

#[test]
fn an_answer_that_does_not_end_is_given_up_when_the_time_is_over() {
    let pause = Duration::from_millis(60);
    for manner in [
        Manner::Silence,
        Manner::Deaf,
        Manner::Drip(WHOLE, pause),
        Manner::Drip(GOOD, pause),
        Manner::Drip(TORN, Duration::from_millis(10)),
    ] {
        let server = HostileServer::start([manner.clone()]);
        let limit = Duration::from_millis(400);
        let client = client(&server.endpoint()).timeout(limit).query_timeout(limit);
        let client = client.retry(RetryPolicy::exponential(9)).build().unwrap();
        let sent = fails_within(limit, || client.send(&[point("a")]));
        let asked = || client.query("fetch('a')", TimeRange::ALL).map(drop);
        let asked = fails_within(limit, asked);
        let kinds = (sent.kind(), asked.kind());
        assert_eq!(kinds, (ErrorKind::Timeout, ErrorKind::Timeout), "{manner:?}: {sent}");
        assert!(sent.to_string().contains("no answer within 0."), "{sent}");
    }
}

#[test]
fn a_large_body_nobody_reads_is_given_up_when_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket2::SockRef::from(&listener).set_recv_buffer_size(4096).expect("a small buffer");
    let server = HostileServer::on(listener, [Manner::Deaf]);
    // Larger than what the sockets hold.
    let noon = Timestamp::from_secs(43_200);
    let body = Body::restored("k", vec![b'['; 16 << 20], 1, noon, noon);
    let limit = Duration::from_millis(700);
    let client = client(&server.endpoint()).build().unwrap();
    let error = fails_within(limit, || {
        let failure = client.deliver(&body, limit, &Interrupt::new()).failures.pop();
        Err(failure.expect("a failure").error)
    });
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[test]
fn after_a_broken_connection_the_next_try_is_a_new_one() {
    let manners = [Manner::ResetAfterRequest, Manner::Close(TORN), Manner::Answer(GOOD)];
    let server = HostileServer::start(manners);
    let quick = RetryPolicy::exponential(2).base_pause(Duration::from_millis(1));
    let client = client(&server.endpoint()).retry(quick).build().unwrap();
    client.send(&[point("a")]).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_no_failure_with_one_retry() {
    let server = HostileServer::start([Manner::AnswerOnce(GOOD), Manner::Answer(GOOD)]);
    let quick = RetryPolicy::exponential(1).base_pause(Duration::from_millis(1));
    let client = client(&server.endpoint()).retry(quick).build().unwrap();
    client.send(&[point("a")]).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    client.send(&[point("b")]).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_port_nobody_listens_at_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let endpoint = format!("http://{free}");
    let client = client(&endpoint).build().unwrap();
    let error = fails_within(Duration::ZERO, || client.send(&[point("a")]));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains(&endpoint), "{error}");
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
}

#[test]
fn a_host_without_an_address_is_named() {
    let limit = Duration::from_secs(2);
    let client = client("http://no-such-host.invalid").timeout(limit).build().unwrap();
    let error = fails_within(limit, || client.send(&[point("a")]));
    assert!(error.to_string().contains("`http://no-such-host.invalid`"), "{error}");
    // A resolver that itself does not answer takes all the time there is.
    let kinds = [ErrorKind::Unreachable, ErrorKind::Timeout];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[test]
fn a_server_on_ipv6_alone_is_reached() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return skip("this machine has no IPv6");
    };
    let server = HostileServer::on(listener, [Manner::Answer(GOOD)]);
    let client = client(&format!("http://[::1]:{}", server.port())).build().unwrap();
    client.send(&[point("a")]).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_nobody_vouches_for_is_refused_without_a_retry() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = Some(end_to_end::certificate(folder.path()));
    let running = end_to_end::start_with(ServerConfig { tls, ..ServerConfig::default() });
    let port = running.server.local_addr().port();

    // Ten seconds of retries would be noticed.
    let retry = RetryPolicy::exponential(9);
    for host in ["localhost", "127.0.0.1"] {
        let client = client(&format!("https://{host}:{port}")).retry(retry).build().unwrap();
        let error = fails_within(Duration::ZERO, || client.send(&[point("a")]));
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Tls, false), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    running.server.stop().unwrap();
}

#[cfg(feature = "tls")]
#[test]
fn the_wrong_one_of_http_and_https_is_told_apart_from_a_server_that_is_down() {
    let server = HostileServer::start([Manner::Greet("HTTP/1.1 400 Bad Request\r\n\r\n")]);
    let secure = server.endpoint().replace("http://", "https://");
    let client = client(&secure).retry(RetryPolicy::exponential(9)).build().unwrap();
    let error = fails_within(Duration::ZERO, || client.send(&[point("a")]));
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("does the server speak http?"), "{error}");
}

#[cfg(feature = "testing")]
#[test]
fn the_faults_of_the_weather_kit_look_as_those_of_real_sockets() {
    use apptuit::testing::{Fault, Weather};

    for (fault, manner) in [
        (Fault::reset(), Manner::ResetAfterRequest),
        (Fault::cut(), Manner::Close(TORN)),
        (Fault::cut(), Manner::HalfClose(TORN_CHUNK)),
        (Fault::silence(), Manner::Silence),
        (Fault::drip(0.01), Manner::Drip(WHOLE, Duration::from_millis(60))),
        (Fault::redirect(302, "/x"), Manner::Answer(MOVED)),
        (Fault::status(503), Manner::Answer("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")),
    ] {
        let server = HostileServer::start([manner.clone()]);
        let limit = Duration::from_millis(400);
        let real = client(&server.endpoint()).timeout(limit).build().unwrap();
        let real = real.send(&[point("a")]).unwrap_err();
        let weather = Weather::new();
        weather.next(fault);
        let played = weather.client().timeout(limit).build().unwrap();
        let played = played.send(&[point("a")]).unwrap_err();
        let told = |error: &Error| (error.kind(), error.status(), error.is_retryable());
        assert_eq!(told(&played), told(&real), "{manner:?}: {played} and {real}");
    }
}
