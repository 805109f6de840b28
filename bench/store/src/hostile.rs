//! What hostile clients do to a well-behaved one beside them.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness::{Cost, Table};

use crate::caller::Callers;
use crate::http::{Connection, put};
use crate::ingest::pair;
use crate::lab::{Lab, remove};
use crate::load::{Load, Shape, Values, one_point};
use crate::sending::{Sent, send_requests};
use crate::server::{Server, Side};

/// Hostile clients of each kind, all at one address that is not the well-behaved one's.
const OF_EACH_KIND: usize = 4;
const HOSTILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// They stop by then, whatever becomes of the well-behaved one.
const AT_MOST: Duration = Duration::from_secs(20);
/// Bytes of a body that is nothing but blanks, and packs to a thousandth of that.
const BOMB_BYTES: usize = 64 << 20;

/// Latencies of requests of one point over one connection, alone and beside hostile clients.
pub(crate) fn latencies(table: &Table, lab: &Lab) {
    if !table.is_whole() {
        return;
    }
    let (alone, beside) = (rounds(lab, &[]), rounds(lab, &hostile_requests(lab)));
    for (rounds, company) in [(alone, "alone"), (beside, "beside hostile clients")] {
        for (name, share) in [("median", 0.5), ("p99", 0.99)] {
            table.aside(&format!("{name} of a request of 1 point, {company}"), |_| {
                let rounds = rounds.as_ref().map_err(Clone::clone)?;
                Ok(pair(Cost::Nanos, rounds, |sent| sent.latency(share)))
            });
        }
    }
}

/// What hostile clients send again and again, for ours and for the peer: bombs, text that is cut
/// short, and large bodies of series that nobody has heard of.
fn hostile_requests(lab: &Lab) -> Vec<[Vec<u8>; 2]> {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&vec![b' '; BOMB_BYTES]).expect("memory takes all");
    let bomb = bomb.finish().expect("memory takes all");
    let shape = Shape { instants: 1, series: 50_000, body: 50_000, ..lab.shape(Values::Counter) };
    let cut = "[".repeat(1 << 20);
    let same = |request: Vec<u8>| [request.clone(), request];
    let mut requests = Load::build(shape).requests;
    requests.push(same(put("Content-Encoding: gzip\r\n", &bomb)));
    requests.push(same(put("", cut.as_bytes())));
    requests
}

fn rounds(lab: &Lab, hostile: &[[Vec<u8>; 2]]) -> Result<[Vec<Sent>; 2], String> {
    let requests: Vec<_> = (0..lab.size.small_requests / 64)
        .map(|n| one_point("small", n % 8, lab.now + n as i64, 1.0))
        .collect();
    let requests: Vec<_> = requests.iter().map(|request| &**request).collect();
    let mut rounds = [Vec::new(), Vec::new()];
    for side in Side::BOTH {
        let server = lab.server(side)?;
        send_requests(&server, &requests[..8], 8, Callers::new(1))?;
        let is_over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            for request in hostile.iter().flat_map(|both| [&both[side as usize]; OF_EACH_KIND]) {
                scope.spawn(|| annoy(&server, request, &is_over));
            }
            let sent = send_requests(&server, &requests, requests.len(), Callers::new(1));
            is_over.store(true, Ordering::Relaxed);
            sent
        })?;
        rounds[side as usize].push(sent);
        remove(server);
    }
    Ok(rounds)
}

/// Sends a request for as long as it may, whatever the answers are.
fn annoy(server: &Server, request: &[u8], is_over: &AtomicBool) {
    let (start, mut connection) = (Instant::now(), None);
    while !is_over.load(Ordering::Relaxed) && start.elapsed() < AT_MOST {
        if connection.is_none() {
            connection = Connection::open_from(HOSTILE, server.put).ok();
        }
        // A refusal may end the connection.
        if connection.as_mut().is_none_or(|open| open.send(request).is_err()) {
            connection = None;
            thread::sleep(Duration::from_millis(1));
        }
    }
}
