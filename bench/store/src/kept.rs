//! What is kept: its size, how soon it is there again, and what reading it costs.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use harness::{Cost, Effort, Pair, Table, timed};

use crate::http::Connection;
use crate::lab::{Lab, Settled};
use crate::load::{Shape, Values};
use crate::questions::{Question, difference};
use crate::server::{Server, Side};

pub(crate) fn sizes(table: &mut Table, lab: &Lab) {
    let bytes = |settled: &Settled, more: usize| {
        let points = settled.shape.points() + more;
        let [ours, peer] = settled.bytes.map(|bytes| Cost::Bytes(bytes / points as f64));
        let ratio = settled.bytes[0] / (settled.bytes[1] - settled.peer_cache);
        let remark = Some(format!("without the peer's `cache` the ratio is {ratio:.3}"));
        Pair { ours, peer, remark }
    };
    table.row("S6", "bytes a point settled, gauges", 0.90, |_| {
        Ok(bytes(lab.settled_gauges()?, lab.long().points()))
    });
    table.row("S7", "bytes a point settled, counters", 0.85, |_| {
        Ok(bytes(lab.settled_counters()?, 0))
    });
    table.row("S8", "bytes a point settled, constants", 0.80, |_| {
        Ok(bytes(&lab.settled(lab.shape(Values::Constant))?, 0))
    });
}

/// From `kill -9` to the first right answer.
pub(crate) fn restart(table: &mut Table, lab: &Lab) {
    table.row(
        "S11",
        "start after kill -9 with 10 M points, to the first right answer",
        1.0,
        |_| {
            let settled = lab.settled_gauges()?;
            let long = lab.long();
            let question = Question::points("long_0", &["host"], long.start, long.end());
            let once = |side: Side| -> Result<f64, String> {
                let folder = &settled.folders[side as usize];
                Server::start(side, folder)?.kill()?;
                let start = Instant::now();
                let server = Server::spawn(side, folder)?;
                server.until(|connection| {
                    let Ok(answer) = question.answer(side, connection) else {
                        // Not yet listening, or not yet ready.
                        *connection = match Connection::open(server.api) {
                            Ok(connection) => connection,
                            Err(_) => return Ok(false),
                        };
                        return Ok(false);
                    };
                    Ok(answer.values().map(|points| points.len()).sum::<usize>() == long.points())
                })?;
                let took = start.elapsed();
                server.kill()?;
                Ok(took.as_nanos() as f64)
            };
            let (mut ours, mut peer) = (Vec::new(), Vec::new());
            for _ in 0..lab.size.rounds {
                ours.push(once(Side::Ours)?);
                peer.push(once(Side::Peer)?);
            }
            Ok(Pair::medians(Cost::Nanos, &mut ours, &mut peer))
        },
    );
}

pub(crate) fn queries(table: &mut Table, lab: &Lab) {
    table.row("S12", "10 000 raw points of one series, as JSON", 0.60, |effort| {
        let shape = lab.long();
        let question = Question::points("long_0", &["host"], shape.start, shape.end());
        ask(effort, lab.settled_gauges()?, &question, 1, shape.points())
    });
    let hour = |shape: Shape| (shape.start + 3600, (shape.start + 2 * 3600).min(shape.end()));
    let name = "means of minutes, summed by host, of 1000 series in an hour";
    table.row("S13", name, 0.50, |effort| {
        let settled = lab.settled_gauges()?;
        let (start, end) = hour(settled.shape);
        // The short look has no second hour.
        let (start, end) = if start < end { (start, end) } else { (settled.shape.start, end) };
        let question = Question::sum_by_host("gauge_0", start, end);
        let minutes = (end - start).unsigned_abs().div_ceil(60) as usize;
        ask(effort, settled, &question, 100, 100 * minutes)
    });
    table.row("S14", "means of hours over 10 M points, decoding", 0.60, |effort| {
        means(effort, lab.settled_gauges()?, "gauge")
    });
    table.row("S15", "means of hours over 10 M points, where summaries cover", 0.10, |effort| {
        means(effort, lab.settled_counters()?, "counter")
    });
}

fn means(effort: &Effort, settled: &Settled, metrics: &str) -> Result<Pair, String> {
    let shape = settled.shape;
    let hours = (shape.end() - shape.start).div_euclid(3600) + 1;
    let question = Question::means_of_hours(metrics, shape.start, shape.start + hours * 3600);
    ask(effort, settled, &question, 10, 10 * hours as usize)
}

/// Times a question that has so many groups and points in its answer, on which both sides agree.
fn ask(
    effort: &Effort,
    settled: &Settled,
    question: &Question,
    groups: usize,
    points: usize,
) -> Result<Pair, String> {
    let servers = [0, 1].map(|side: usize| Server::start(Side::BOTH[side], &settled.folders[side]));
    let [ours, peer] = servers;
    let servers = [ours?, peer?];
    let connections = [servers[0].connect()?, servers[1].connect()?].map(RefCell::new);
    let answer = |side: Side| question.answer(side, &mut connections[side as usize].borrow_mut());
    let (ours, peer) = (answer(Side::Ours)?, answer(Side::Peer)?);
    if let Some(difference) = difference(&ours, &peer) {
        return Err(format!("the answers differ: {difference}"));
    }
    let found = ours.values().map(|points| points.len()).sum::<usize>();
    if (ours.len(), found) != (groups, points) {
        return Err(format!(
            "both have {} groups and {found} points: expected {groups} and {points}",
            ours.len()
        ));
    }
    let failed = RefCell::new(None);
    let time = |side: Side| -> Duration {
        let mut connection = connections[side as usize].borrow_mut();
        let (answer, took) = timed(|| question.ask(side, &mut connection).map(<[u8]>::len));
        if let Err(error) = answer {
            failed.replace(Some(error));
        }
        took
    };
    let pair = effort.turns(|| time(Side::Ours), || time(Side::Peer));
    match failed.into_inner() {
        Some(error) => Err(error),
        None => Ok(pair),
    }
}
