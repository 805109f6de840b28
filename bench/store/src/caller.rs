//! Who sends: threads, each of which waits for all of its connections at a time.
//!
//! So do the usual tools that load servers. Threads of their own for the connections would each have to
//! be woken for every answer, on processors that the servers could use.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;

use crate::http::Connection;
use crate::server::Server;

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Callers {
    pub(crate) connections: usize,
    pub(crate) threads: usize,
}

impl Callers {
    /// As many threads as there are processors, unless there are fewer connections.
    pub(crate) fn new(connections: usize) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { connections, threads: processors.min(connections) }
    }
}

/// Requests that wait for a connection.
#[derive(Debug)]
pub(crate) struct Queue<'a> {
    requests: &'a [&'a [u8]],
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    pub(crate) fn of(requests: &'a [&'a [u8]]) -> Self {
        Self { requests, next: AtomicUsize::new(0) }
    }

    fn next(&self) -> Option<&'a [u8]> {
        self.requests.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// The connections of one thread.
#[derive(Debug)]
pub(crate) struct Caller {
    /// With the time of the last request of each.
    connections: Vec<(Connection, Instant)>,
    /// Tells which of them have something to read.
    readable: OwnedFd,
}

impl Caller {
    pub(crate) fn connect(server: &Server, connections: usize) -> io::Result<Self> {
        let readable = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let connect = |at: usize| {
            let connection = Connection::open(server.put)?;
            let data = epoll::EventData::new_u64(at as u64);
            epoll::add(&readable, &connection, data, epoll::EventFlags::IN)?;
            Ok((connection, Instant::now()))
        };
        let connections = (0..connections).map(connect).collect::<io::Result<_>>()?;
        Ok(Self { connections, readable })
    }

    /// Sends until no request is left and all are answered, and gives how long each took.
    pub(crate) fn send(mut self, queue: &Queue<'_>) -> Result<Vec<Duration>, String> {
        let (mut latencies, mut asked) = (Vec::new(), 0);
        for connection in &mut self.connections {
            asked += usize::from(ask(connection, queue)?);
        }
        let mut events = Vec::with_capacity(self.connections.len());
        while asked > 0 {
            self.wait(&mut events).map_err(|error| error.to_string())?;
            for event in events.drain(..) {
                let answered = &mut self.connections[event.data.u64() as usize];
                latencies.push(answer(answered)?);
                asked -= 1;
                asked += usize::from(ask(answered, queue)?);
            }
        }
        Ok(latencies)
    }

    fn wait(&self, events: &mut Vec<epoll::Event>) -> io::Result<()> {
        if self.connections.len() == 1 {
            // To read from it is to wait for it.
            let (flags, data) = (epoll::EventFlags::IN, epoll::EventData::new_u64(0));
            events.push(epoll::Event { flags, data });
        } else {
            epoll::wait(&self.readable, spare_capacity(events), None)?;
        }
        Ok(())
    }
}

/// Sends the next request, if there is one.
fn ask((connection, at): &mut (Connection, Instant), queue: &Queue<'_>) -> Result<bool, String> {
    let Some(request) = queue.next() else { return Ok(false) };
    *at = Instant::now();
    connection.ask(request).map_err(|error| format!("a put was not sent: {error}"))?;
    Ok(true)
}

/// How long it took to answer the last request.
fn answer((connection, at): &mut (Connection, Instant)) -> Result<Duration, String> {
    match connection.answer() {
        Ok((200 | 204, _)) => Ok(at.elapsed()),
        Ok((status, body)) => {
            let body = String::from_utf8_lossy(body).into_owned();
            Err(format!("a put was answered with {status}: {body}"))
        }
        Err(error) => Err(format!("a put was not answered: {error}")),
    }
}
