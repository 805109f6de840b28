//! A server that misbehaves on real sockets, where a transport of the test could only pretend to.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// How long a connection is held that is never to be answered; far longer than any timeout here.
const HELD: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(2);

/// What is done with one connection.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Reset as soon as it is accepted.
    ResetAtOnce,
    /// Closed as soon as it is accepted.
    CloseAtOnce,
    /// Reset once the request is read.
    ResetAfterRequest,
    /// Closed once the request is read.
    CloseAfterRequest,
    /// These bytes, then a reset.
    Reset(&'static str),
    /// These bytes, then closed.
    Close(&'static str),
    /// These bytes, then only this side is closed; what the client sends is still read.
    HalfClose(&'static str),
    /// These bytes one by one, with a pause after each, and never the last.
    Drip(&'static str, Duration),
    /// The request is read and nothing is answered.
    Silence,
    /// Nothing is read.
    Deaf,
    /// Nothing is read, but these bytes are said.
    Greet(&'static str),
    /// These bytes for each request, on the same connection.
    Answer(&'static str),
    /// These bytes for the first request; the connection is closed without a word at the second.
    AnswerOnce(&'static str),
}

/// A server on the loopback interface whose connections each have a manner; the last one is kept
/// for all that follow.
pub(crate) struct HostileServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HostileServer {
    pub(crate) fn start(manners: impl IntoIterator<Item = Manner>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port"), manners)
    }

    pub(crate) fn on(listener: TcpListener, manners: impl IntoIterator<Item = Manner>) -> Self {
        let address = listener.local_addr().expect("an address");
        let (requests, stopped) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let mut manners: VecDeque<Manner> = manners.into_iter().collect();
        let (heard, stop) = (Arc::clone(&requests), Arc::clone(&stopped));
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                let manner = match manners.len() {
                    0 | 1 => manners.front().cloned().expect("a manner"),
                    _ => manners.pop_front().expect("a manner"),
                };
                let connection = Connection {
                    stream: stream.expect("a connection"),
                    requests: Arc::clone(&heard),
                    stopped: Arc::clone(&stop),
                };
                connections.push(thread::spawn(move || connection.be(&manner)));
            }
            for connection in connections {
                connection.join().expect("no panic");
            }
        });
        Self { address, requests, stopped, thread: Some(thread) }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The first lines of the requests that were read.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes it from waiting for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Connection {
    stream: TcpStream,
    requests: Arc<Mutex<Vec<String>>>,
    stopped: Arc<AtomicBool>,
}

impl Connection {
    fn be(mut self, manner: &Manner) {
        match *manner {
            Manner::ResetAtOnce => self.reset(),
            Manner::CloseAtOnce => {}
            Manner::Deaf => self.hold(),
            Manner::Greet(text) => {
                self.say(text.as_bytes());
                self.hold();
            }
            Manner::ResetAfterRequest => {
                self.read_request();
                self.reset();
            }
            Manner::CloseAfterRequest => {
                self.read_request();
            }
            Manner::Reset(text) => {
                self.read_request();
                self.say(text.as_bytes());
                // What was said has to arrive: a reset overtakes it.
                thread::sleep(Duration::from_millis(50));
                self.reset();
            }
            Manner::Close(text) => {
                self.read_request();
                self.say(text.as_bytes());
            }
            Manner::HalfClose(text) => {
                self.read_request();
                self.say(text.as_bytes());
                let _ = self.stream.shutdown(Shutdown::Write);
                self.hold();
            }
            Manner::Drip(text, pause) => {
                self.read_request();
                let most = text.len() - 1;
                for byte in &text.as_bytes()[..most] {
                    if self.stopped.load(Ordering::Acquire) || !self.say(&[*byte]) {
                        return;
                    }
                    thread::sleep(pause);
                }
                self.hold();
            }
            Manner::Silence => {
                self.read_request();
                self.hold();
            }
            Manner::Answer(text) => while self.read_request() && self.say(text.as_bytes()) {},
            Manner::AnswerOnce(text) => {
                if self.read_request() {
                    self.say(text.as_bytes());
                    // The second request arrives at a connection that is closed.
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    /// Reads one request with its body; whether there was one.
    fn read_request(&mut self) -> bool {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return false,
            }
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
        if self.stream.read_exact(&mut body).is_err() {
            return false;
        }
        let line = head.lines().next().unwrap_or_default().to_owned();
        self.requests.lock().expect("no panic").push(line);
        true
    }

    fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).expect("an open socket");
        drop(self.stream);
    }

    /// Keeps the connection open until the server is dropped.
    fn hold(&self) {
        let mut left = HELD;
        while !self.stopped.load(Ordering::Acquire) && !left.is_zero() {
            thread::sleep(LOOK);
            left = left.saturating_sub(LOOK);
        }
    }
}
