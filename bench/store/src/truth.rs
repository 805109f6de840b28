//! Whether what was put is there: exactly, and at once.

use std::time::Instant;

use harness::{Cost, Pair, Table};

use crate::http::Connection;
use crate::lab::Lab;
use crate::load::{Load, Shape, Values, host_and_cpu, one_point, random};
use crate::questions::Question;
use crate::sending::send;
use crate::server::Side;

/// Series of random numbers.
const SERIES: usize = 1_000;

pub(crate) fn rows(table: &mut Table, lab: &Lab) {
    table.row("S16", "share of random f64 not returned bit by bit", 0.0, |_| {
        let instants = lab.size.curve_points / SERIES;
        let shape = Shape { series: SERIES, instants, ..lab.shape(Values::Random) };
        let load = Load::build(shape);
        let [ours, peer] = Side::BOTH.map(|side| changed(lab, side, &load));
        Ok(Pair { ours: Cost::Share(ours?), peer: Cost::Share(peer?), remark: None })
    });
    table.row("S17", "from the answer to a visible point, new series", 0.01, |_| {
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for round in 0..lab.size.rounds {
            ours.push(until_visible(lab, Side::Ours, round)?);
            peer.push(until_visible(lab, Side::Peer, round)?);
        }
        Ok(Pair::medians(Cost::Nanos, &mut ours, &mut peer))
    });
}

/// The share of numbers that do not come back as they were put.
fn changed(lab: &Lab, side: Side, load: &Load) -> Result<f64, String> {
    let server = lab.server(side)?;
    send(&server, load, 1)?;
    server.show_all()?;
    let (shape, mut connection, mut same) = (load.shape, server.connect()?, 0);
    for metric in 0..10 {
        let name = format!("random_{metric}");
        let question = Question::points(&name, &["host", "cpu"], shape.start, shape.end());
        let answer = question.answer(side, &mut connection)?;
        for series in (metric..shape.series).step_by(10) {
            let (host, cpu) = host_and_cpu(series);
            let Some(points) = answer.get(&format!("host{host},{cpu}")) else { continue };
            for instant in 0..shape.instants {
                let at = shape.start + instant as i64 * shape.step;
                let put = random(series, instant);
                same += usize::from(points.get(&at).is_some_and(|v| v.to_bits() == put.to_bits()));
            }
        }
    }
    Ok(1.0 - same as f64 / shape.points() as f64)
}

/// Nanoseconds from the answer to a put to that of a query which has its point.
fn until_visible(lab: &Lab, side: Side, round: usize) -> Result<f64, String> {
    let server = lab.server(side)?;
    let metric = format!("visible_{round}");
    let question = Question::points(&metric, &["host"], lab.now - 60, lab.now + 60);
    let mut putting = Connection::open(server.put).map_err(|error| error.to_string())?;
    // A server that has just started is not what is measured.
    for (metric, wanted) in [("first", false), (metric.as_str(), true)] {
        match putting.send(&one_point(metric, 0, lab.now, 1.5)) {
            Ok((204, _)) => {}
            other => return Err(format!("{side:?} answered a put with {other:?}")),
        }
        if !wanted {
            server.show_all()?;
        }
    }
    let start = Instant::now();
    server.until(|connection| {
        // Of a metric nobody knows yet, ours says that, with a status of its own.
        Ok(question.answer(side, connection).is_ok_and(|answer| !answer.is_empty()))
    })?;
    Ok(start.elapsed().as_nanos() as f64)
}
