//! The real server as a process of its own, and HTTP by hand: not through our own client, so that a
//! mistake both ends share cannot hide.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// `apptuit serve` on a free port; killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    address: String,
}

impl ServerProcess {
    /// Starts it over the data in `dir`, and waits until it says where it listens.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// The same, with more flags.
    pub(crate) fn start_with(dir: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_apptuit"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(dir)
            .args(flags)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let address = announced_address(stderr);
        Self { child, address }
    }

    /// `127.0.0.1:port`
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its resident memory in bytes, where Linux tells it.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kilobytes.expect("a number of kB") * 1024.0
    }

    /// SIGKILL: no flush, no farewell.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// SIGTERM; gives the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("the process ends").code()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced_address(stderr: ChildStderr) -> String {
    let mut lines = BufReader::new(stderr).lines();
    let mut said = Vec::new();
    for line in lines.by_ref() {
        let line = line.expect("stderr is text");
        if let Some((_, address)) = line.split_once("http://") {
            let address = address.trim().to_owned();
            // A full pipe would block the server.
            thread::spawn(move || lines.for_each(drop));
            return address;
        }
        said.push(line);
    }
    panic!("the server ended before it listened: {said:?}");
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Puts a JSON body; gives the status.
    pub(crate) fn put(&mut self, body: &str) -> std::io::Result<u16> {
        self.put_with_key(body, None)
    }

    /// The same, with what makes a resend recognisable.
    pub(crate) fn put_with_key(&mut self, body: &str, key: Option<&str>) -> std::io::Result<u16> {
        let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
        let request = format!(
            "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {key}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        Ok(self.answer()?.0)
    }

    /// Gets a path; gives the status and the body.
    pub(crate) fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn answer(&mut self) -> std::io::Result<(u16, String)> {
        let invalid = |what: String| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| invalid(format!("no status line: {line:?}")))?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            if self.0.read_line(&mut header)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some((key, value)) = header.trim_end().split_once(':') else { break };
            if key.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(|_| invalid(header.clone()))?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        String::from_utf8(body).map(|body| (status, body)).map_err(|e| invalid(e.to_string()))
    }
}

/// The series that a query gives, as the JSON has them.
pub(crate) fn query(address: &str, text: &str, start: i64, end: i64) -> Vec<Value> {
    let encoded = text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = std::fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
        encoded
    });
    let path = format!("/api/query?start={start}&end={end}&q={encoded}");
    let mut connection = Connection::open(address).expect("the server accepts connections");
    let (status, body) = connection.get(&path).expect("the server answers");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("the answer is JSON");
    let outputs = answer["outputs"].as_array().expect("an answer has outputs");
    outputs.iter().flat_map(|o| o["result"].as_array().expect("a result").clone()).collect()
}
