//! A server on the loopback interface that takes every put, and allocates nothing while it does.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// It runs until the process ends.
pub(crate) struct Loopback {
    pub(crate) address: SocketAddr,
    /// Bytes of the body that came last.
    body_bytes: Arc<AtomicUsize>,
}

impl Loopback {
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, body_bytes) = (listener.local_addr()?, Arc::new(AtomicUsize::new(0)));
        let last = body_bytes.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let last = last.clone();
                let answers = thread::Builder::new().name("server".to_owned());
                let _running = answers.spawn(move || answer_all(stream, &last));
            }
        });
        Ok(Self { address, body_bytes })
    }

    pub(crate) fn last_body_bytes(&self) -> usize {
        self.body_bytes.load(Ordering::SeqCst)
    }
}

/// Answers requests with a `Content-Length` until there are no more.
fn answer_all(mut stream: TcpStream, last: &AtomicUsize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    loop {
        let head = loop {
            if let Some(at) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            filled += read(&mut stream, &mut buffer[filled..])?;
        };
        let body = content_length(&buffer[..head])?;
        let mut missing = (head + body).saturating_sub(filled);
        while missing > 0 {
            missing = missing.saturating_sub(read(&mut stream, &mut buffer)?);
        }
        filled = 0;
        last.store(body, Ordering::SeqCst);
        stream.write_all(ANSWER).ok()?;
    }
}

fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<usize> {
    stream.read(buffer).ok().filter(|bytes| *bytes > 0)
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let at = head.windows(NAME.len()).position(|name| name.eq_ignore_ascii_case(NAME))?;
    let digits = &head[at + NAME.len()..];
    let digits = digits.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}
