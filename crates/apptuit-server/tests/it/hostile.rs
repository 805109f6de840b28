//! Input that is wrong, large, slow or meant to hurt.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::support::{
    TestServer, assert_fails, connect, exchange, percent, point, read_reply, request,
};

const SHORT: Duration = Duration::from_millis(300);

/// 16 MiB of blanks, packed.
fn bombs() -> [(&'static str, Vec<u8>); 2] {
    packed_blanks(16 << 20)
}

fn packed_blanks(bytes: usize) -> [(&'static str, Vec<u8>); 2] {
    let blanks = vec![b' '; bytes];
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&blanks).expect("a vector takes it");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&blanks).expect("a vector takes it");
    [
        ("deflate", zlib.finish().expect("a vector takes it")),
        ("gzip", gzip.finish().expect("a vector takes it")),
    ]
}

#[test]
fn a_small_body_that_inflates_beyond_the_limit_is_refused() {
    let server = TestServer::with(|config| config.max_inflated_bytes = 1 << 20);
    for (encoding, bomb) in bombs() {
        assert!(bomb.len() < 1 << 20, "{encoding}: {} bytes are no bomb", bomb.len());
        let headers = [("Content-Encoding", encoding)];
        let reply = server.send("POST", "/api/put", &headers, &bomb);
        assert_fails(
            &reply,
            413,
            "ERROR_LIMIT_EXCEEDED",
            "the body is too large once inflated: at most 1048576 bytes are taken",
        );
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_body_over_the_limit_is_refused_announced_or_not() {
    let server = TestServer::with(|config| config.max_body_bytes = 1000);
    let message = "the body is too large: at most 1000 bytes are taken";
    // Sent whole before the answer is read: the answer must not be lost.
    let large = vec![b' '; 8 << 20];
    let reply = server.put("", &large);
    assert_fails(&reply, 413, "ERROR_LIMIT_EXCEEDED", message);

    let mut chunked = b"POST /api/put HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                        Transfer-Encoding: chunked\r\n\r\n800000\r\n"
        .to_vec();
    chunked.extend_from_slice(&large);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    let reply = exchange(connect(server.address()), &chunked);
    assert_fails(&reply, 413, "ERROR_LIMIT_EXCEEDED", message);

    let exact = format!("{:1000}", point("m", "a", 60, 1.0));
    assert_eq!(server.put("", &exact).status, 204);
    assert_eq!(server.put("", format!("{exact} ")).status, 413);
}

#[test]
fn too_many_points_are_refused_whole() {
    let server = TestServer::with(|config| config.max_points = 2);
    let points: Vec<_> = (0..3).map(|n| point("m", "a", n, 1.0)).collect();
    let reply = server.put("?details", format!("[{}]", points.join(",")));
    assert_fails(
        &reply,
        413,
        "ERROR_LIMIT_EXCEEDED",
        "the body has too many points: at most 2 are taken",
    );
    assert_eq!(server.get("/api/suggest?type=metrics").text(), "[]");
    assert_eq!(server.put("", format!("[{}]", points[..2].join(","))).status, 204);
}

#[test]
fn a_refused_caller_who_still_sends_gets_the_answer() {
    let server = TestServer::with(|config| {
        config.tokens = Some("secret weather".parse().expect("a token file"));
    });
    let reply = server.put("", vec![b' '; 8 << 20]);
    assert_eq!(reply.failure().0, 401);
}

#[test]
fn a_body_that_pauses_and_one_that_trickles_are_given_up() {
    let server = TestServer::with(|config| {
        config.body_idle_timeout = SHORT;
        config.body_timeout = SHORT * 3;
    });
    let head = "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n[";

    let mut pausing = connect(server.address());
    pausing.write_all(head.as_bytes()).expect("the head goes out");
    let reply = read_reply(pausing);
    assert_fails(&reply, 408, "ERROR_BODY_TIMEOUT", "the body paused for more than 300ms");

    let trickling = connect(server.address());
    let mut writer = trickling.try_clone().expect("a socket has two ends");
    writer.write_all(head.as_bytes()).expect("the head goes out");
    let drops = thread::spawn(move || {
        for _ in 0..60 {
            // Once the server has closed, nobody takes them.
            if writer.write_all(b" ").is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let reply = read_reply(&trickling);
    assert_fails(&reply, 408, "ERROR_BODY_TIMEOUT", "the body took more than 900ms");
    drop(trickling);
    drops.join().expect("the writer ends");
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let server = TestServer::with(|config| config.header_timeout = SHORT);
    for beginning in ["", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "] {
        let mut stream = connect(server.address());
        stream.write_all(beginning.as_bytes()).expect("it goes out");
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut rest).expect("the server closes");
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_body_cut_short_keeps_nothing() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0);
    let whole = request("POST", "/api/put", &[], body.as_bytes());
    for missing in [1, body.len() / 2] {
        let mut stream = connect(server.address());
        stream.write_all(&whole[..whole.len() - missing]).expect("it goes out");
        stream.shutdown(std::net::Shutdown::Write).expect("an open socket");
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).expect("the server closes");
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.get("/api/suggest?type=metrics").text(), "[]");
}

#[test]
fn bodies_that_are_no_points_say_where_they_go_wrong() {
    let server = TestServer::start();
    for (body, expected) in [
        ("", "the body is not a JSON array of points: "),
        ("points", "the body is not a JSON array of points: "),
        ("[{\"metric\":\"m\",", "the body is not a JSON array of points: "),
        ("\"m 60 1\"", "the body is not a JSON array of points: "),
        ("[] []", "the body is not a JSON array of points: "),
        ("[\n{]", "the body is not a JSON array of points: "),
    ] {
        let (status, kind, message) = server.put("?details", body).failure();
        assert_eq!((status, kind.as_str()), (400, "ERROR_INVALID_BODY"), "{body}");
        assert!(message.starts_with(expected), "{body}: {message}");
    }
    let (_, _, placed) = server.put("", "[\n{]").failure();
    assert!(placed.ends_with("at line 2 column 2"), "{placed}");
    let (_, _, binary) = server.put("", b"[\xff]").failure();
    assert_eq!(binary, "the body is not a JSON array of points: not UTF-8 at byte 1");
}

#[test]
fn encodings_that_are_wrong_or_unknown_are_told_apart() {
    let server = TestServer::start();
    let body = point("m", "a", 60, 1.0).into_bytes();
    let put = |encoding: &str, body: &[u8]| {
        server.send("POST", "/api/put", &[("Content-Encoding", encoding)], body)
    };
    for encoding in ["br", "zstd", "gzip, deflate", "deflated"] {
        assert_fails(
            &put(encoding, &body),
            415,
            "ERROR_UNSUPPORTED_ENCODING",
            &format!(
                "content encoding `{encoding}` is not taken: expected one of `deflate`, `gzip` \
                 and `identity`"
            ),
        );
    }
    let twice = [("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")];
    assert_eq!(server.send("POST", "/api/put", &twice, &body).status, 415);
    for (encoding, format) in [("deflate", "zlib"), ("gzip", "gzip")] {
        assert_fails(
            &put(encoding, &body),
            400,
            "ERROR_INVALID_BODY",
            &format!("the body is not whole and sound {format} data"),
        );
    }
    for (encoding, mut bomb) in bombs() {
        bomb.truncate(bomb.len() / 2);
        assert_eq!(put(encoding, &bomb).failure().1, "ERROR_INVALID_BODY", "{encoding}");
    }
}

#[test]
fn points_that_cannot_be_kept_are_refused_each_with_its_reason() {
    let server = TestServer::start();
    let tags = |n: usize| {
        let tags: Vec<_> = (0..n).map(|n| format!("\"k{n}\":\"v\"")).collect();
        format!("{{{}}}", tags.join(","))
    };
    let point = |metric: &str, timestamp: &str, value: &str, tags: &str| {
        format!(r#"{{"metric":{metric},"timestamp":{timestamp},"value":{value},"tags":{tags}}}"#)
    };
    let tag = r#"{"host":"a"}"#;
    for (bad, reason) in [
        (point("\"m\"", "60", "1", &tags(26)), "26"),
        (point("\"m\"", "60", "NaN", tag), "not a number that can be stored"),
        (point("\"m\"", "60", "\"NaN\"", tag), "not a number that can be stored"),
        (point("\"m\"", "60", "null", tag), "`value`"),
        (point("\"m\"", "60", "{}", tag), "expected a number"),
        (point("\"\"", "60", "1", tag), "metric"),
        (point("7", "60", "1", tag), "`metric` is `7`: expected text"),
        (point("\"m\"", "null", "1", tag), "`timestamp`"),
        (point("\"m\"", "\"noon\"", "1", tag), "`timestamp` is `\"noon\"`"),
        (point("\"m\"", "60", "1", "[]"), "`tags` is `[]`: expected an object"),
        (point("\"m\"", "60", "1", r#"{"host":null}"#), "tag `host` is `null`: expected text"),
        (point("\"m\"", "60", "1", r#"{"":"a"}"#), "tag"),
        (point("\"m\"", "60", "1", "{}"), "tag"),
        ("7".to_owned(), "`7` is not a point: expected an object"),
        ("{}".to_owned(), "`metric` is missing"),
    ] {
        let body = format!("[{bad},{}]", point("\"good\"", "60", "1", tag));
        let reply = server.put("?details", &body);
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
        let answer = reply.json();
        assert_eq!((&answer["success"], &answer["failed"]), (&json!(1), &json!(1)), "{bad}");
        assert_eq!(answer["errors"][0]["index"], 0, "{bad}");
        let told = answer["errors"][0]["error"].as_str().expect("a reason");
        assert!(told.contains(reason), "{bad}: {told}");
    }
    // Given back as it came: JSON, but no number that this test can read.
    let huge = server.put("?details", point("\"m\"", "60", "1e999", tag));
    assert!(huge.text().contains("`value` is `1e999`: not a number that can be stored"));
    assert_eq!(server.put("", point("\"m\"", "60", "1", &tags(25))).status, 204);
    assert_eq!(server.get("/api/suggest?type=metrics").text(), r#"["good","m"]"#);
}

#[test]
fn deep_and_long_queries_are_refused_and_the_server_lives() {
    let server = TestServer::start();
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    let chain = format!("fetch('m'){}", ".sum()".repeat(100_000));
    let numbers = "A=1;".repeat(50_000);
    for text in [deep, chain, numbers, "x".repeat(2 << 20)] {
        let form = format!("start=0&q={}", percent(&text));
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let reply = server.send("POST", "/api/query", &headers, form.as_bytes());
        let (status, _, message) = reply.failure();
        assert!(matches!(status, 400 | 413), "{status} {message}");
    }
    let huge = vec![b'q'; 5 << 20];
    assert_eq!(server.send("POST", "/api/query", &[], &huge).failure().0, 413);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn deep_json_is_refused_and_the_server_lives() {
    let server = TestServer::start();
    let deep = "[".repeat(1_000_000);
    assert_eq!(server.put("", &deep).status, 400);
    let nested = format!(r#"[{{"metric":{}1{}}}]"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(server.put("", &nested).status, 400);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_url_that_is_too_long_is_refused() {
    let server = TestServer::start();
    let reply = server.get(&format!("/api/query?start=0&q={}", "x".repeat(1 << 20)));
    assert!(matches!(reply.status, 414 | 431), "{}", reply.status);
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn paths_and_methods_that_are_not_there_are_told_in_json() {
    let server = TestServer::start();
    for path in ["/api/metrics", "/api/put/", "/../etc/passwd", "/index.html"] {
        let reply = server.get(path);
        let message = format!("there is nothing at `{path}`");
        assert_fails(&reply, 404, "ERROR_NOT_FOUND", &message);
    }
    for (method, path, allowed) in [
        ("GET", "/api/put", "POST"),
        ("DELETE", "/api/query", "GET,HEAD,POST"),
        ("POST", "/api/query/complete", "GET,HEAD"),
        ("POST", "/api/suggest", "GET,HEAD"),
        ("PUT", "/", "GET,HEAD"),
    ] {
        let reply = server.send(method, path, &[], b"");
        let message = format!("`{path}` does not take the method `{method}`");
        assert_fails(&reply, 405, "ERROR_METHOD_NOT_ALLOWED", &message);
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn bytes_that_are_no_http_are_no_harm() {
    let server = TestServer::start();
    for noise in [&b"\x16\x03\x01\x02\x00\x01\x00"[..], b"\0\0\0\0\r\n\r\n", b"HELLO\r\n\r\n"] {
        let mut stream = connect(server.address());
        stream.write_all(noise).expect("it goes out");
        stream.shutdown(std::net::Shutdown::Write).expect("an open socket");
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).expect("the server closes");
        assert!(!answer.starts_with(b"HTTP/1.1 2"));
    }
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn bodies_that_hold_all_memory_make_others_come_back_later() {
    let server = TestServer::with(|config| {
        config.max_body_bytes = 1 << 20;
        config.max_held_bytes = 1 << 20;
    });
    let head = "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n";
    let body = format!("{}{}", point("m", "a", 60, 1.0), " ".repeat(200_000));
    // Which of the two comes first is up to the machine: the one that holds the memory is to be it.
    let refused = (0..50).find_map(|n| {
        let mut hog = connect(server.address());
        hog.write_all(head.as_bytes()).expect("the head goes out");
        // All but one byte; it may be refused meanwhile.
        hog.write_all(&vec![b' '; (1 << 20) - 1]).ok()?;
        thread::sleep(Duration::from_millis(20 * n));
        let reply = server.put("", &body);
        (reply.status != 204).then_some((hog, reply))
    });
    let (hog, refused) = refused.expect("there is no room for both");
    assert_fails(&refused, 503, "ERROR_OVERLOADED", "too many large bodies arrive at one time");
    assert_eq!(refused.header("retry-after"), Some("5"));

    drop(hog);
    let passed = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        server.put("", &body).status == 204
    });
    assert!(passed, "the memory of a caller who left comes back");
}

#[test]
fn connections_beyond_the_limit_wait() {
    let server = TestServer::with(|config| config.max_connections = 2);
    let idle: Vec<_> = (0..2).map(|_| connect(server.address())).collect();
    let (address, one_more) = (server.address(), request("GET", "/health", &[], b""));
    let waiting = thread::spawn(move || exchange(connect(address), &one_more).status);
    thread::sleep(SHORT);
    assert!(!waiting.is_finished());
    drop(idle);
    assert_eq!(waiting.join().expect("an answer"), 200);
}

/// The most memory this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// What is measured needs a process of its own: nextest gives one to each test.
#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_new_series_is_refused_in_bounded_memory_and_known_ones_are_kept() {
    let server = TestServer::with(|config| config.max_series = 1000);
    assert_eq!(server.put("", point("good", "a", 60, 1.0)).status, 204);
    let before = peak_bytes();
    // A million in continuous integration.
    let bodies = if std::env::var("CI").is_ok_and(|ci| ci == "true") { 100 } else { 20 };
    for body in 0..bodies {
        let points: Vec<_> =
            (0..10_000).map(|n| point("bad", &format!("{body}-{n}"), 60, 1.0)).collect();
        let answer = server.put("?summary", format!("[{}]", points.join(","))).json();
        let expected = if body == 0 { 999 } else { 0 };
        assert_eq!(answer["success"], expected, "body {body}");
    }
    assert_eq!(server.put("", point("good", "a", 120, 2.0)).status, 204);
    assert_eq!(server.query("fetch('good')", 0, 200).values(), [1.0, 2.0]);
    let grown = peak_bytes().saturating_sub(before);
    // One body of those takes 1 MB, and what is read of it a few times that.
    assert!(grown < 64 << 20, "{grown} bytes for a flood of series");
}

#[cfg(target_os = "linux")]
#[test]
fn bombs_from_many_callers_take_the_memory_they_may_take_together() {
    let server = TestServer::with(|config| {
        config.max_inflated_bytes = 4 << 20;
        config.max_inflating_bytes = 8 << 20;
        config.max_wait = Duration::from_mins(1);
    });
    let [(encoding, bomb), _] = packed_blanks(4 << 20);
    let before = peak_bytes();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let headers = [("Content-Encoding", encoding)];
                // Blanks alone are no JSON.
                assert_eq!(server.send("POST", "/api/put", &headers, &bomb).status, 400);
            });
        }
        let polite = server.put("", point("m", "a", 60, 1.0));
        assert_eq!(polite.status, 204, "{}", polite.text());
    });
    let grown = peak_bytes().saturating_sub(before);
    // All eight at one time would take four times as much as two.
    assert!(grown < 24 << 20, "{grown} bytes for bombs");
}

#[test]
fn numbers_of_any_length_and_text_of_any_bytes_are_no_harm() {
    let server = TestServer::start();
    let value = |value: &str| {
        format!(r#"{{"metric":"m","timestamp":60,"value":{value},"tags":{{"host":"a"}}}}"#)
    };
    let digits = "9".repeat(100_000);
    for (number, kept) in [
        (format!("0.{digits}"), true),
        (format!("-{digits}e-100000"), true),
        (digits.clone(), false),
        (format!("1e{digits}"), false),
        (format!("1e-{digits}"), true),
    ] {
        let answer = server.put("?summary", value(&number)).json();
        assert_eq!(answer["success"], usize::from(kept), "{}…", &number[..9]);
    }
    let body = value("1").replace("\"a\"", "\"\u{0}\"");
    assert_eq!(server.put("", body).failure().1, "ERROR_INVALID_BODY");
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        let body = [b"[{\"metric\":\"", bytes, b"\"}]"].concat();
        let (status, _, message) = server.put("", &body).failure();
        assert_eq!(status, 400);
        assert!(message.contains("not UTF-8 at byte 12"), "{message}");
    }
    assert_eq!(server.get("/health").status, 200);
}
