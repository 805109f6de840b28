//! Sending what was built, and what it took.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::load::Load;
use crate::server::Server;

/// What it took to send points.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) points: f64,
    /// From the first byte to the last answer.
    pub(crate) wall: Duration,
    /// Processor time of the server until then.
    pub(crate) processor: Duration,
    /// How long each request took, in order.
    pub(crate) latencies: Vec<Duration>,
    /// The server's memory in bytes, after the last answer.
    pub(crate) memory: f64,
}

impl Sent {
    pub(crate) fn processor_nanos(&self) -> f64 {
        self.processor.as_nanos() as f64 / self.points
    }

    pub(crate) fn wall_nanos(&self) -> f64 {
        self.wall.as_nanos() as f64 / self.points
    }

    /// The latency that `share` of the requests did not exceed, in nanoseconds.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort_unstable();
        let place = (latencies.len() as f64 * share).ceil() as usize;
        latencies[place.clamp(1, latencies.len()) - 1].as_nanos() as f64
    }
}

/// Sends all bodies of a load, over so many connections, each of which sends the next when it has
/// its answer.
pub(crate) fn send(server: &Server, load: &Load, connections: usize) -> Result<Sent, String> {
    let requests: Vec<&[u8]> =
        load.requests.iter().map(|both| &*both[server.side as usize]).collect();
    send_requests(server, &requests, load.shape.points(), connections)
}

/// The same for any requests that hold so many points together.
pub(crate) fn send_requests(
    server: &Server,
    requests: &[&[u8]],
    points: usize,
    connections: usize,
) -> Result<Sent, String> {
    let (next, line) = (AtomicUsize::new(0), Barrier::new(connections + 1));
    let (start, before, latencies) = thread::scope(|scope| {
        let senders: Vec<_> = (0..connections)
            .map(|_| {
                let (next, line) = (&next, &line);
                scope.spawn(move || {
                    let connection = Connection::open(server.put);
                    line.wait();
                    let mut connection = connection.map_err(|error| error.to_string())?;
                    let mut latencies = Vec::new();
                    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let start = Instant::now();
                        match connection.send(request) {
                            Ok((200 | 204, _)) => latencies.push(start.elapsed()),
                            Ok((status, body)) => {
                                let body = String::from_utf8_lossy(body).into_owned();
                                return Err(format!("a put was answered with {status}: {body}"));
                            }
                            Err(error) => return Err(format!("a put was not answered: {error}")),
                        }
                    }
                    Ok(latencies)
                })
            })
            .collect();
        let before = server.processor_time();
        line.wait();
        let start = Instant::now();
        let latencies: Result<Vec<_>, String> =
            senders.into_iter().map(|sender| sender.join().expect("it does not panic")).collect();
        (start, before, latencies)
    });
    Ok(Sent {
        points: points as f64,
        wall: start.elapsed(),
        latencies: latencies.map_err(|error| format!("{:?}: {error}", server.side))?.concat(),
        processor: server.processor_time()?.saturating_sub(before?),
        memory: server.memory()?,
    })
}
