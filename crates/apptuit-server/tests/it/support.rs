//! A server on a free port, and HTTP written and read by hand.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use apptuit_server::{RunningServer, Server, ServerConfig};
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

/// A server with a data folder of its own.
pub(crate) struct TestServer {
    running: RunningServer,
    _folder: TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With a changed configuration.
    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = config(folder.path());
        change(&mut config);
        let running = Server::bind(config).expect("the server binds").start();
        Self { running, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.local_addr()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn put(&self, parameters: &str, body: impl AsRef<[u8]>) -> Reply {
        self.send("POST", &format!("/api/put{parameters}"), &[], body.as_ref())
    }

    /// Asks the query over `[start, end]`.
    pub(crate) fn query(&self, text: &str, start: i64, end: i64) -> Reply {
        self.get(&format!("/api/query?start={start}&end={end}&q={}", percent(text)))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        exchange(connect(self.address()), &request(method, path, headers, body))
    }
}

pub(crate) fn config(folder: &Path) -> ServerConfig {
    ServerConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: folder.to_owned(),
        ..ServerConfig::default()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// A request that ends its connection.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes it");
    }
    if !body.is_empty() || method == "POST" {
        write!(head, "Content-Length: {}\r\n", body.len()).expect("a string takes it");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// Writes a request and reads the answer to the end of the connection.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &[u8]) -> Reply {
    stream.write_all(request).expect("the request goes out");
    read_reply(stream)
}

pub(crate) fn read_reply(mut stream: impl Read) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the answer comes whole");
    Reply::parse(&bytes)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = str::from_utf8(&bytes[..end]).expect("a head is ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers = lines.map(|line| line.split_once(':').expect("a header"));
        let headers =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self {
            status: status.parse().expect("a status"),
            headers: headers.collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a body of text")
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// Status, kind of error and message.
    pub(crate) fn failure(&self) -> (u16, String, String) {
        let body = self.json();
        let text = |name: &str| body["errors"][0][name].as_str().expect(name).to_owned();
        (self.status, text("errorType"), text("message"))
    }

    /// Values of the only series of the only output.
    pub(crate) fn values(&self) -> Vec<f64> {
        assert_eq!(self.status, 200, "{}", self.text());
        let body = self.json();
        assert_eq!(body["outputs"].as_array().map(Vec::len), Some(1), "{body}");
        assert_eq!(body["outputs"][0]["result"].as_array().map(Vec::len), Some(1), "{body}");
        let points = body["outputs"][0]["result"][0]["dps"].as_array().expect("points").clone();
        points.iter().map(|point| point[1].as_f64().expect("a value")).collect()
    }
}

/// Asserts a failure by its status, its kind and its whole message.
#[track_caller]
pub(crate) fn assert_fails(reply: &Reply, status: u16, kind: &str, message: &str) {
    assert_eq!(reply.failure(), (status, kind.to_owned(), message.to_owned()));
}

/// Everything but letters and digits as `%XX`.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes it");
        }
    }
    out
}

/// One point as JSON.
pub(crate) fn point(metric: &str, host: &str, timestamp: i64, value: f64) -> String {
    format!(
        r#"{{"metric":"{metric}","timestamp":{timestamp},"value":{value},"tags":{{"host":"{host}"}}}}"#
    )
}
