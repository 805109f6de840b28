//! Points come in.

use std::io::Write as _;
use std::thread;

use apptuit_server::Server;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::support::{Reply, TestServer, assert_fails, config, connect, exchange, point, request};

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).expect("a vector takes it");
    encoder.finish().expect("a vector takes it")
}

#[test]
fn all_points_kept_is_204_or_a_count_if_it_is_asked_for() {
    let server = TestServer::start();
    let body = format!("[{},{}]", point("m", "a", 60, 1.5), point("m", "a", 120, 2.5));

    let plain = server.put("", &body);
    assert_eq!((plain.status, plain.text()), (204, ""));
    for parameters in ["?details", "?details=true", "?details=1", "?sync&details"] {
        let details = server.put(parameters, &body);
        assert_eq!(details.status, 200, "{parameters}");
        assert_eq!(details.json(), json!({"success": 2, "failed": 0, "errors": []}));
    }
    let summary = server.put("?summary", &body);
    assert_eq!((summary.status, summary.json()), (200, json!({"success": 2, "failed": 0})));
    assert_eq!(server.put("?details=false", &body).status, 204);

    assert_eq!(server.query("fetch('m')", 0, 200).values(), [1.5, 2.5]);
}

#[test]
fn one_point_needs_no_array_and_no_points_are_no_failure() {
    let server = TestServer::start();
    assert_eq!(server.put("", point("m", "a", 60, 7.0)).status, 204);
    assert_eq!(server.query("fetch('m')", 60, 60).values(), [7.0]);
    assert_eq!(server.put("?details", "[]").json()["success"], 0);
    assert_eq!(server.put("", " [ ] ").status, 204);
}

#[test]
fn bodies_may_be_packed_by_zlib_and_by_gzip() {
    let server = TestServer::start();
    for (n, (encoding, body)) in [
        ("deflate", zlib(point("m", "a", 1, 0.0).as_bytes())),
        ("Deflate", zlib(point("m", "a", 2, 1.0).as_bytes())),
        ("gzip", gzip(point("m", "a", 3, 2.0).as_bytes())),
        ("x-gzip", gzip(point("m", "a", 4, 3.0).as_bytes())),
        ("identity", point("m", "a", 5, 4.0).into_bytes()),
    ]
    .into_iter()
    .enumerate()
    {
        let headers = [("Content-Encoding", encoding), ("Content-Type", "application/json")];
        let reply = server.send("POST", "/api/put?details", &headers, &body);
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.text());
        assert_eq!(server.query("fetch('m')", 0, 10).values().len(), n + 1);
    }
}

#[test]
fn the_good_points_of_a_half_bad_body_are_kept_and_the_others_are_named() {
    let server = TestServer::start();
    let bad = r#"{"metric":"m","timestamp":120,"value":"many","tags":{"host":"a"}}"#;
    let body = format!("[{},{bad},{}]", point("m", "a", 60, 1.0), point("m", "a", 180, 3.0));

    let reply = server.put("?details", &body);
    assert_eq!(reply.status, 400);
    let answer = reply.json();
    assert_eq!((&answer["success"], &answer["failed"]), (&json!(2), &json!(1)));
    let error = &answer["errors"][0];
    assert_eq!(error["index"], 1);
    assert_eq!(error["datapoint"], serde_json::from_str::<serde_json::Value>(bad).expect("JSON"));
    assert_eq!(error["error"], "`value` is `\"many\"`: expected a number");

    assert_eq!(server.query("fetch('m')", 0, 200).values(), [1.0, 3.0]);
    // Refused points are told of even if no details were asked for.
    assert_eq!(server.put("", &body).json()["errors"][0]["index"], 1);
    let summary = server.put("?summary", &body);
    assert_eq!((summary.status, summary.json()), (400, json!({"success": 2, "failed": 1})));
}

#[test]
fn the_reason_of_a_refused_point_is_short_whatever_the_point_is() {
    let server = TestServer::start();
    let long = "é ".repeat(5000);
    let body = format!("[{},{}]", point(&long, "a", 60, 1.0), point("m", "a b", 60, 1.0));
    let answer = server.put("", &body).json();
    let error = answer["errors"][0]["error"].as_str().expect("a text");
    assert!((1..=301).contains(&error.chars().count()), "{error}");
}

#[test]
fn the_last_value_of_a_series_and_an_instant_wins() {
    let server = TestServer::start();
    let body = format!("[{},{}]", point("m", "a", 60, 1.0), point("m", "a", 60, 2.0));
    assert_eq!(server.put("", &body).status, 204);
    assert_eq!(server.query("fetch('m')", 0, 100).values(), [2.0]);
    assert_eq!(server.put("", point("m", "a", 60, 3.0)).status, 204);
    assert_eq!(server.query("fetch('m')", 0, 100).values(), [3.0]);
}

#[test]
fn two_hundred_thousand_points_pass_in_one_body() {
    let server = TestServer::start();
    let points: Vec<String> = (0..200_000)
        .map(|n| point("m", if n % 2 == 0 { "a" } else { "b" }, 1_000_000 + n, 1.0))
        .collect();
    let body = zlib(format!("[{}]", points.join(",")).as_bytes());
    let headers = [("Content-Encoding", "deflate")];
    let reply = server.send("POST", "/api/put?summary", &headers, &body);
    assert_eq!(reply.json(), json!({"success": 200_000, "failed": 0}));

    let query = "fetch('m').downsample('30d', 'count').sum()";
    let counted: f64 = server.query(query, 0, 1_300_000).values().iter().sum();
    assert!((counted - 200_000.0).abs() < 0.5, "{counted}");
}

#[test]
fn many_callers_at_one_time_lose_nothing() {
    let server = TestServer::start();
    thread::scope(|scope| {
        for caller in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..10 {
                    let body = point("m", "a", caller * 10 + n, 1.0);
                    assert_eq!(server.put("", &body).status, 204);
                }
            });
        }
    });
    assert_eq!(server.query("fetch('m')", 0, 1000).values().len(), 80);
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0);
    let first = format!(
        "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let second = request("GET", "/health", &[], b"");
    let mut stream = connect(server.address());
    stream.write_all(first.as_bytes()).expect("the request goes out");
    let reply = exchange(stream, &second);
    assert_eq!(reply.status, 204);
    // The body of a 204 is empty: what follows is the next answer.
    assert!(reply.text().starts_with("HTTP/1.1 200 OK"), "{}", reply.text());
    assert!(reply.text().ends_with(r#"{"status":"ok"}"#));
}

#[test]
fn a_body_may_come_in_chunks() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0);
    let (left, right) = body.split_at(10);
    let chunked = format!(
        "POST /api/put HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{left}\r\n{:x}\r\n{right}\r\n0\r\n\r\n",
        left.len(),
        right.len()
    );
    assert_eq!(exchange(connect(server.address()), chunked.as_bytes()).status, 204);
    assert_eq!(server.query("fetch('m')", 0, 100).values(), [1.0]);
}

#[test]
fn points_of_series_beyond_the_limit_are_refused_and_those_of_known_ones_are_kept() {
    let server = TestServer::with(|config| config.max_series = 2);
    let known = format!("[{},{}]", point("m", "a", 60, 1.0), point("m", "b", 60, 1.0));
    assert_eq!(server.put("", &known).status, 204);
    for _ in 0..2 {
        let hosts = ["a", "c", "b", "c", "d"];
        let points: Vec<_> = hosts.iter().map(|host| point("m", host, 120, 2.0)).collect();
        let answer = server.put("?details", format!("[{}]", points.join(","))).json();
        assert_eq!((&answer["success"], &answer["failed"]), (&json!(2), &json!(3)));
        let errors = answer["errors"].as_array().expect("a list");
        let indexes: Vec<_> = errors.iter().map(|error| error["index"].as_u64()).collect();
        assert_eq!(indexes, [Some(1), Some(3), Some(4)]);
        assert_eq!(errors[0]["error"], "the store has `2` series, and takes no new ones");
        assert_eq!(errors[0]["datapoint"]["tags"]["host"], "c");
    }
    let count = server.query("fetch('m').count()", 120, 120).values();
    assert_eq!(count, [2.0]);
}

#[test]
fn one_series_spelled_in_several_ways_is_one_series_and_the_last_value_wins() {
    let server = TestServer::start();
    let spelled = [
        r#"{"metric":"m","timestamp":60,"value":1,"tags":{"a":"1","b":"2"}}"#,
        r#"{"metric":"m","timestamp":60,"value":2,"tags":{"b":"2","a":"1"}}"#,
        r#"{"metric":"\u006d","timestamp":60,"value":3,"tags":{"a":1,"b":"2"}}"#,
        r#"{ "value" : 4 , "tags" : {"a" : "1", "b" : "2"}, "timestamp" : 60, "metric" : "m" }"#,
    ];
    for _ in 0..2 {
        // Each order has another last one; the first round learns, the second one knows.
        for last in 0..spelled.len() {
            let mut points = spelled.to_vec();
            points.rotate_left(last);
            assert_eq!(server.put("", format!("[{}]", points.join(","))).status, 204);
            let expected = [4.0, 1.0, 2.0, 3.0][last];
            assert_eq!(server.query("fetch('m')", 0, 100).values(), [expected]);
        }
    }
}

/// Puts with a key.
fn keyed(server: &TestServer, key: &str, body: &str) -> Reply {
    server.send("POST", "/api/put?details", &[("Idempotency-Key", key)], body.as_bytes())
}

#[test]
fn a_resend_with_its_key_is_answered_alike_and_changes_nothing() {
    let server = TestServer::start();
    let bad = point("m m", "a", 60, 1.0);
    let body = format!("[{},{bad}]", point("m", "a", 60, 1.0));
    let first = keyed(&server, "8e03978e-40d5-43dd-bc93-6894a57f9324", &body);
    assert_eq!((first.status, &first.json()["success"]), (400, &json!(1)));
    // A later value: if the resend were kept, it would win.
    assert_eq!(server.put("", point("m", "a", 60, 2.0)).status, 204);
    let again = keyed(&server, "8e03978e-40d5-43dd-bc93-6894a57f9324", &body);
    assert_eq!((again.status, again.text()), (first.status, first.text()));
    assert_eq!(server.query("fetch('m')", 0, 100).values(), [2.0]);
    // Under another key it is another body.
    assert_eq!(keyed(&server, "another", &body).status, 400);
    assert_eq!(server.query("fetch('m')", 0, 100).values(), [1.0]);
}

#[test]
fn a_key_of_another_body_is_refused() {
    let server = TestServer::start();
    assert_eq!(keyed(&server, "k", &point("m", "a", 60, 1.0)).status, 200);
    for other in [
        point("m", "a", 60, 2.0),
        point("m", "a", 120, 1.0),
        format!("[{},{}]", point("m", "a", 60, 1.0), point("m", "a", 60, 1.0)),
    ] {
        assert_fails(
            &keyed(&server, "k", &other),
            422,
            "ERROR_IDEMPOTENCY_KEY_REUSED",
            "idempotency key `k` was used for other points",
        );
    }
    assert_eq!(server.query("fetch('m')", 0, 200).values(), [1.0]);
}

#[test]
fn halves_of_a_body_that_was_kept_are_not_kept_again_and_the_other_way_round() {
    let server = TestServer::start();
    let (first, second) = (point("m", "a", 60, 1.0), point("m", "a", 120, 1.0));
    let whole = format!("[{first},{second}]");
    assert_eq!(keyed(&server, "k", &whole).status, 200);
    assert_eq!(server.put("", point("m", "a", 60, 2.0)).status, 204);
    assert_eq!(keyed(&server, "k~0", &first).json()["success"], json!(1));
    assert_eq!(server.query("fetch('m')", 0, 200).values(), [2.0, 1.0]);

    assert_eq!(keyed(&server, "j~0", &first).status, 200);
    let message = "parts of the points of idempotency key `j` were kept under their own keys, send \
                   the halves";
    assert_fails(&keyed(&server, "j", &whole), 413, "ERROR_PARTS_KEPT", message);
}

#[test]
fn a_key_that_is_none_is_refused_and_nothing_is_kept() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0);
    let expected = "is not taken: expected one of 1 to 64 visible ASCII characters, a `~` only \
                    before digits 0 and 1";
    for key in ["", "two words", &"k".repeat(65), "schlüssel", "a\tb", "k~2"] {
        let (status, kind, message) = keyed(&server, key, &body).failure();
        assert_eq!((status, kind.as_str()), (400, "ERROR_INVALID_REQUEST"), "{key}");
        assert!(
            message.starts_with("idempotency key `") && message.ends_with(expected),
            "{message}"
        );
        assert!(message.len() < 200, "{message}");
    }
    let twice = [("Idempotency-Key", "k"), ("Idempotency-Key", "k")];
    let twice = server.send("POST", "/api/put", &twice, body.as_bytes());
    assert_eq!(twice.status, 400, "{}", twice.text());
    assert_eq!(server.get("/api/suggest?type=metrics").text(), "[]");
    assert_eq!(keyed(&server, &"k".repeat(64), &body).status, 200);
}

#[test]
fn a_key_is_known_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = point("m", "a", 60, 1.0);
    let resend = request("POST", "/api/put", &[("Idempotency-Key", "k")], body.as_bytes());
    let later = request("POST", "/api/put", &[], point("m", "a", 60, 2.0).as_bytes());
    for requests in [&[&resend, &later][..], &[&resend]] {
        let server = Server::bind(config(folder.path())).expect("it binds").start();
        for request in requests {
            assert_eq!(exchange(connect(server.local_addr()), request).status, 204);
        }
        server.stop().expect("it stops");
    }
    let server = Server::bind(config(folder.path())).expect("it binds").start();
    let query = request("GET", "/api/query?start=0&q=fetch('m')", &[], b"");
    assert_eq!(exchange(connect(server.local_addr()), &query).values(), [2.0]);
}
