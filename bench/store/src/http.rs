//! As much HTTP as a benchmark needs, so that the client takes next to nothing from the servers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

/// No answer takes longer, unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);

/// A connection that is kept, with the body of the last answer.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.get_ref().as_fd()
    }
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Self::over(TcpStream::connect(address)?)
    }

    /// From another address of this machine, so that the server takes it for another client.
    pub(crate) fn open_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddr::from((source, 0)))?;
        rustix::net::connect(&socket, &address)?;
        Self::over(TcpStream::from(socket))
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let stream = BufReader::with_capacity(1 << 16, stream);
        Ok(Self { stream, line: String::new(), body: Vec::new() })
    }

    /// Sends a whole request and gives the status and body of its answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.ask(request)?;
        self.answer()
    }

    /// Sends a whole request.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(request)
    }

    /// Waits for an answer and gives its status and body.
    pub(crate) fn answer(&mut self) -> io::Result<(u16, &[u8])> {
        self.body.clear();
        let status = self.next_line()?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| invalid(&self.line))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let header = self.next_line()?.to_ascii_lowercase();
            match header.split_once(':') {
                None => break,
                Some(("content-length", value)) => {
                    length = value.trim().parse().map_err(|_| invalid(&header))?;
                }
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        if chunked {
            while self.chunk()? {}
        } else {
            self.read(length)?;
        }
        Ok((status, &self.body))
    }

    /// Gets a path; gives the status and the body.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<(u16, &[u8])> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    /// Reads a part of a body, and whether there may be more.
    fn chunk(&mut self) -> io::Result<bool> {
        let length = self.next_line()?;
        let length = usize::from_str_radix(length, 16).map_err(|_| invalid(length))?;
        self.read(length)?;
        self.next_line()?;
        Ok(length > 0)
    }

    fn read(&mut self, length: usize) -> io::Result<()> {
        let start = self.body.len();
        self.body.resize(start + length, 0);
        self.stream.read_exact(&mut self.body[start..])
    }

    fn next_line(&mut self) -> io::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.line.trim_end())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` is no HTTP", what.trim_end()))
}

/// The request that puts `body`; `headers` are whole lines.
pub(crate) fn put(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /api/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// Text as it may stand in a URL.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(3 * text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
