//! The bytes on a real socket, read by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use apptuit::{Client, ClientBuilder, DataPoint, ErrorKind, TimeRange, Timestamp};
use apptuit_model::wire::ContentEncoding;

use crate::point;

/// A request as it came: its head in lines, and its body.
struct Received {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

fn receive(reader: &mut BufReader<TcpStream>) -> Received {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let mut received = Received { head, body: Vec::new() };
    let length = received.header("content-length").map_or(0, |n| n.parse().expect("a number"));
    received.body.resize(length, 0);
    reader.read_exact(&mut received.body).expect("the whole body");
    received
}

/// Takes one connection and answers one request on it for each answer given.
fn serve(answers: &'static [&'static str]) -> (ClientBuilder, JoinHandle<Vec<Received>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut writer = stream.try_clone().expect("a second handle");
        let mut reader = BufReader::new(stream);
        let exchange = |answer: &&str| {
            let received = receive(&mut reader);
            writer.write_all(answer.as_bytes()).expect("an answer");
            received
        };
        answers.iter().map(exchange).collect()
    });
    let client = Client::builder()
        .token("s3cret")
        .endpoint(format!("http://{address}/"))
        .timeout(Duration::from_secs(10))
        .ignore_environment();
    (client, thread)
}

#[test]
fn a_put_is_what_the_service_expects_and_connections_are_kept() {
    const OK: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{\"success\":1,\"failed\":0,\"errors\":[]}";
    let (client, server) = serve(&[OK, "HTTP/1.1 204 No Content\r\n\r\n"]);
    let client = client.build().unwrap();
    client.send(&[point("cpu.load")]).unwrap();
    client.send(&[point("cpu.load")]).unwrap();

    let received = server.join().unwrap();
    assert_eq!(received.len(), 2);
    let put = &received[0];
    assert_eq!(put.head[0], "POST /api/put?details HTTP/1.1");
    assert_eq!(put.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(put.header("content-type"), Some("application/json"));
    assert_eq!(put.header("content-encoding"), Some("deflate"));
    let agent = concat!("apptuit-rust/", env!("CARGO_PKG_VERSION"));
    assert_eq!(put.header("user-agent"), Some(agent));
    let key = |n: usize| received[n].header("idempotency-key").expect("a key").to_owned();
    assert_ne!(key(0), key(1));
    assert_eq!(put.header("transfer-encoding"), None);
    assert_eq!(put.body[..2], [0x78, 0x9c]);
    let body = ContentEncoding::Deflate.unpack(&put.body, 1000).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let expected = serde_json::json!(
        [{"metric": "cpu_load", "timestamp": 60, "value": 1.5, "tags": {"host": "a"}}]
    );
    assert_eq!(body, expected);
}

#[test]
fn a_query_asks_and_keeps_only_points_in_its_range() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 168\r\n\r\n\
        {\"outputs\":[{\"id\":\"empty\",\"result\":[]},{\"id\":\"taxi\",\"result\":[{\"metric\":\"m\",\"tags\":{},\
        \"dps\":[[99,1],[100,NaN],[150,3.5],[200,null],[201,9]]}]}],\"surprise\":{},\"more\":\"\"}";
    let (client, server) = serve(&[ANSWER]);
    let range = TimeRange::new(Timestamp::from_secs(100), Timestamp::from_secs(200));
    let answer = client.build().unwrap().query("fetch('m')", range).unwrap();

    let received = server.join().unwrap();
    let line = "GET /api/query?start=100&end=200&q=fetch%28%27m%27%29 HTTP/1.1";
    assert_eq!(received[0].head[0], line);
    assert_eq!(received[0].header("content-type"), None);
    assert_eq!((answer.len(), answer[0].id()), (1, "taxi"));
    let series = &answer["taxi"].series()[0];
    assert_eq!(series.timestamps(), [100, 150, 200].map(Timestamp::from_secs));
    assert!(series.values()[0].is_nan() && series.values()[2].is_nan());
    assert_eq!(answer[0].to_frame().len(), 3);
}

#[test]
fn a_redirect_is_not_followed() {
    const MOVED: &str = "HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
    let (client, server) = serve(&[MOVED]);
    let error = client.build().unwrap().send(&[point("a")]).unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Answer, Some(301)));
    assert!(error.to_string().contains("`/elsewhere`"), "{error}");
    assert_eq!(server.join().unwrap().len(), 1);
}

#[test]
fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = format!("http://{address}");
    let client =
        Client::builder().token("t").endpoint(&endpoint).ignore_environment().build().unwrap();
    let error = client.send(&[point("a")]).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unreachable, true));
    assert!(error.to_string().contains(&endpoint), "{error}");
}

#[test]
fn a_server_that_drips_its_answer_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nEndless: ").unwrap();
        // Bounded, and far longer than the client's patience.
        for _ in 0..200 {
            if stream.write_all(b"h").is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let client = Client::builder()
        .token("t")
        .endpoint(endpoint)
        .timeout(Duration::from_millis(200))
        .ignore_environment()
        .build()
        .unwrap();
    let error = client.send(&[point("a")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    drop(client);
    server.join().unwrap();
}

/// Each byte comes in time; the whole does not.
#[test]
fn a_server_that_drips_its_body_is_not_waited_for_either() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut requests = 0;
        // One for each try there is time for; the last connection is the test's own.
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            if reader.fill_buf().is_ok_and(<[u8]>::is_empty) {
                break;
            }
            requests += 1;
            receive(&mut reader);
            let mut stream = stream;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
            stream.write_all(head).unwrap();
            for _ in 0..200 {
                if stream.write_all(b" ").is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        requests
    });
    let client = Client::builder()
        .token("t")
        .endpoint(&endpoint)
        .timeout(Duration::from_millis(300))
        .retry(apptuit::RetryPolicy::exponential(9).base_pause(Duration::from_micros(1)))
        .ignore_environment()
        .build()
        .unwrap();
    let error = client.send(&[point("a")]).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true), "{error}");
    drop(client);
    drop(TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap());
    assert_eq!(server.join().unwrap(), 1);
}

/// As servers do that have seen no request for a while.
#[test]
fn a_kept_connection_that_the_server_has_closed_is_made_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (closed, is_closed) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            receive(&mut reader);
            let mut stream = stream;
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            drop((stream, reader));
            closed.send(()).unwrap();
        }
    });
    let client = Client::builder().token("t").endpoint(endpoint).ignore_environment();
    let client = client.build().unwrap();
    client.send(&[point("a")]).unwrap();
    is_closed.recv().unwrap();
    client.send(&[point("a")]).unwrap();
    server.join().unwrap();
}

/// Head and body leave together if they are small, and whole if they are not.
#[test]
fn a_body_of_any_size_arrives_whole() {
    const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";
    let (client, server) = serve(&[OK, OK, OK, OK]);
    let client = client.build().unwrap();
    let mut random = fastrand::Rng::with_seed(5);
    let sizes = [1, 3000, 9000, 20_000];
    for points in sizes {
        let value =
            |n| DataPoint::new(("m", [("k", "v")]), Timestamp::from_secs(n), random.f64() * 1e9);
        client.send(&(0..points).map(value).collect::<Vec<_>>()).unwrap();
    }
    for (received, points) in server.join().unwrap().iter().zip(sizes) {
        let body = ContentEncoding::Deflate.unpack(&received.body, 1 << 26).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.as_array().unwrap().len(), usize::try_from(points).unwrap());
    }
}

#[test]
fn a_broken_query_says_where() {
    const REFUSAL: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 126\r\n\r\n\
        {\"outputs\":[],\"errors\":[{\"errorType\":\"ERROR_PARSING_QUERY\",\"message\":\"no such thing\",\
        \"queryLineNo\":2,\"queryColumnOffset\":17}]}";
    let (client, server) = serve(&[REFUSAL]);
    let error = client.build().unwrap().query("a\nb", TimeRange::ALL).unwrap_err();
    server.join().unwrap();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Query, Some(400)));
    assert_eq!(error.query_position(), Some((2, Some(17))));
    assert_eq!(error.to_string(), "no such thing, at line 2, column 18");
}

/// Whatever is wrong with the encryption will be wrong at the next try too.
#[cfg(feature = "tls")]
#[test]
fn a_server_that_does_not_speak_tls_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client is gone.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let client = Client::builder().token("t").endpoint(endpoint).ignore_environment();
    let error = client.build().unwrap().send(&[point("a")]).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Tls, false), "{error}");
    assert!(error.to_string().ends_with(", does the server speak http?"), "{error}");
    server.join().unwrap();
}
