//! From a counter to a frame, through a real server.

use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::{Client, DataPoint, ErrorKind, Reporter, TimeRange, Timestamp};
use apptuit_server::{RunningServer, Server, ServerConfig};

use crate::{point, tour};

/// A server on a port of its own, with its data in a folder that goes with it.
pub(crate) struct Running {
    pub(crate) server: RunningServer,
    pub(crate) endpoint: String,
    _data: tempfile::TempDir,
}

pub(crate) fn start() -> Running {
    start_with(ServerConfig::default())
}

pub(crate) fn start_with(config: ServerConfig) -> Running {
    let data = tempfile::tempdir().expect("a folder");
    let config = ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: data.path().join("data"),
        ..config
    };
    let server = Server::bind(config).expect("a port").start();
    let endpoint = format!("http://{}", server.local_addr());
    Running { server, endpoint, _data: data }
}

pub(crate) fn client(running: &Running) -> Client {
    let builder = Client::builder().token("my-token").endpoint(&running.endpoint);
    builder.ignore_environment().build().expect("a client")
}

#[test]
fn a_counter_becomes_a_frame() {
    let running = start();
    let client = client(&running);
    let registry = Registry::new();
    let orders = registry.counter(("orders.accepted", [("city", "blr")]));
    let reporter = Reporter::builder(registry, client.clone())
        .tag("host", "a")
        .ignore_environment()
        .interval(Duration::from_hours(1))
        .build();
    let reporter = reporter.start().unwrap();
    orders.inc_by(7);
    reporter.stop().unwrap();

    let range = TimeRange::last(Duration::from_hours(1));
    let answer = client.query("n = fetch('orders_accepted_count'); output(n)", range).unwrap();
    let frame = answer["n"].to_frame();
    assert_eq!(frame.columns(), ["orders_accepted_count{city:blr, host:a}"]);
    assert_eq!(frame.column(0).last(), Some(&7.0));
    running.server.stop().unwrap();
}

#[test]
fn a_series_sent_by_hand_comes_back_bit_for_bit() {
    let running = start();
    let client = client(&running);
    client.send(&[point("cpu.load")]).unwrap();
    let point = point("cpu_load");
    let range = TimeRange::new(point.timestamp(), point.timestamp());
    let answer = client.query("fetch('cpu_load')", range).unwrap();
    let series = &answer[0].series()[0];
    assert_eq!(series.name(), point.name());
    assert_eq!(series.points().collect::<Vec<_>>(), [point]);
    running.server.stop().unwrap();
}

#[test]
fn a_wrong_query_is_told_with_its_place() {
    let running = start();
    let error = client(&running).query("a = 1\nfetch('m').nonsense()", TimeRange::ALL).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Query, Some(400)));
    assert_eq!(error.query_position().map(|(line, _)| line), Some(2), "{error}");
    running.server.stop().unwrap();
}

#[test]
fn a_request_around_a_query_that_is_wrong_has_no_place_in_it() {
    let running = start();
    let backwards = TimeRange::new(Timestamp::from_secs(2), Timestamp::from_secs(1));
    let error = client(&running).query("fetch('m')", backwards).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Query, Some(400)));
    assert_eq!(error.query_position(), None, "{error}");
    running.server.stop().unwrap();
}

#[test]
fn points_of_the_far_future_are_found_again() {
    let running = start();
    let client = client(&running);
    let at = [99_999_999_999_500, 100_000_000_000_500, 200_000_000_000_000];
    let points =
        at.map(|millis| DataPoint::new(("m", [("k", "v")]), Timestamp::from_millis(millis), 1.0));
    client.send(&points).unwrap();
    let found = |range| {
        let answer = client.query("fetch('m')", range).unwrap();
        answer[0].series()[0].points().collect::<Vec<_>>()
    };
    assert_eq!(found(TimeRange::ALL), points);
    let ends = TimeRange::new(points[1].timestamp(), points[2].timestamp());
    assert_eq!(found(ends), points[1..]);
    running.server.stop().unwrap();
}

#[test]
fn what_is_too_much_for_the_server_is_halved_until_it_is_not() {
    let running = start_with(ServerConfig { max_points: 10, ..ServerConfig::default() });
    let client = client(&running);
    let points: Vec<_> = (0..50)
        .map(|n| DataPoint::new(("m", [("k", "v")]), Timestamp::from_secs(n), n as f64))
        .collect();
    client.send(&points).unwrap();
    let answer = client.query("fetch('m')", TimeRange::ALL).unwrap();
    assert_eq!(answer[0].series()[0].points().collect::<Vec<_>>(), points);

    let error = client.send(&vec![point("m"); 641]).unwrap_err();
    assert_eq!((error.kind(), error.succeeded(), error.failed()), (ErrorKind::TooLarge, 630, 11));
    assert!(
        error.to_string().contains("11 points")
            && error.to_string().contains("at most 10 are taken"),
        "{error}"
    );
    running.server.stop().unwrap();
}

/// A certificate for `localhost` and its key, as the server's own tests have them.
#[cfg(feature = "tls")]
pub(crate) fn certificate(folder: &std::path::Path) -> apptuit_server::TlsFiles {
    let files =
        apptuit_server::TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    let cert = include_str!("../../../apptuit-server/tests/it/tls/cert.pem");
    std::fs::write(&files.cert, cert).expect("a file");
    let key = include_str!("../../../apptuit-server/tests/it/tls/key.pem");
    std::fs::write(&files.key, key).expect("a file");
    files
}

/// What is said of a put to `endpoint`, with the port of `running` at its end.
#[cfg(feature = "tls")]
fn failure_of(endpoint: &str, running: &Running) -> apptuit::Error {
    let endpoint = format!("{endpoint}:{}", running.server.local_addr().port());
    let builder = Client::builder().token("my-token").endpoint(endpoint).ignore_environment();
    builder.build().expect("a client").send(&[point("m")]).expect_err("it cannot be sent")
}

#[cfg(feature = "tls")]
#[test]
fn a_wrong_scheme_is_hinted_at() {
    let plain = start();
    let error = failure_of("https://127.0.0.1", &plain);
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.to_string().ends_with(", does the server speak http?"), "{error}");
    plain.server.stop().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let tls = Some(certificate(folder.path()));
    let secure = start_with(ServerConfig { tls, ..ServerConfig::default() });
    let error = failure_of("http://127.0.0.1", &secure);
    assert_eq!(error.kind(), ErrorKind::Answer, "{error}");
    assert!(error.to_string().ends_with(", does the server speak https?"), "{error}");
    secure.server.stop().unwrap();
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_nobody_vouches_for_is_told_with_the_way_to_trust_it() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Some(certificate(folder.path()));
    let running = start_with(ServerConfig { tls, ..ServerConfig::default() });
    let error = failure_of("https://localhost", &running);
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Tls, false), "{error}");
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    running.server.stop().unwrap();
}

#[test]
fn the_tour_runs() {
    let running = start();
    tour::run(&running.endpoint).unwrap();
    let range = TimeRange::last(Duration::from_hours(1));
    let answer = client(&running).query("fetch('http_latency_count')", range).unwrap();
    let series = &answer[0].series()[0];
    assert_eq!(series.values().last(), Some(&3.0));
    assert_eq!(series.tags().get("service"), Some("orders"));
    assert_eq!(series.tags().get("route"), Some("/checkout"));
    running.server.stop().unwrap();
}

/// What runs here is the example, but for the address and the name of its function.
#[test]
fn the_tour_that_runs_is_the_example() {
    let ours = include_str!("tour.rs")
        .replace("pub(crate) fn run(endpoint: &str)", "fn main()")
        .replace(".endpoint(endpoint)", ".endpoint(\"http://127.0.0.1:4242\")");
    assert_eq!(ours, include_str!("../../examples/tour.rs"));
}
