//! Sending what was built, and what it took.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::caller::{Caller, Callers, Queue};
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
    send_requests(server, &requests, load.shape.points(), Callers::new(connections))
}

/// The same for any requests that hold so many points together.
pub(crate) fn send_requests(
    server: &Server,
    requests: &[&[u8]],
    points: usize,
    callers: Callers,
) -> Result<Sent, String> {
    let (queue, line) = (Queue::of(requests), Barrier::new(callers.threads + 1));
    let (start, before, latencies) = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers.threads)
            .map(|at| {
                let (queue, line) = (&queue, &line);
                let connections = (at..callers.connections).step_by(callers.threads).len();
                scope.spawn(move || {
                    let caller = Caller::connect(server, connections);
                    line.wait();
                    caller.map_err(|error| error.to_string())?.send(queue)
                })
            })
            .collect();
        let before = server.processor_time();
        line.wait();
        let start = Instant::now();
        let latencies: Result<Vec<_>, String> =
            threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect();
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
