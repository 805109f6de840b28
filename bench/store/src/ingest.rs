//! What it costs to take points in.

use harness::{Cost, Pair, Table};

use crate::caller::Callers;
use crate::lab::{Lab, remove};
use crate::load::{Load, Shape, Values, one_point};
use crate::sending::{Sent, send, send_requests};
use crate::server::{Server, Side};

/// Connections that send a point at a time.
const SMALL_CONNECTIONS: usize = 64;

/// What was measured, by side and round.
type Rounds = [Vec<Sent>; 2];

/// Gauges over one connection, over two, and what memory they take.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    one: Option<Result<Rounds, String>>,
    two: Option<Result<Rounds, String>>,
}

impl Figures {
    pub(crate) fn taken(table: &Table, lab: &Lab) -> Self {
        let mut figures = Self::default();
        if table.wants(&["S1", "S2"]) {
            figures.two = Some(rounds(lab, 2, remove));
        }
        if table.wants(&["S1", "S2", "S3", "S4", "S9"]) {
            let mut last = Vec::new();
            let one = rounds(lab, 1, |server| {
                if last.len() == 2 {
                    last.drain(..).for_each(remove);
                }
                last.push(server);
            });
            // The rows about what is kept go on with the last ones.
            if let Ok(servers) = <[Server; 2]>::try_from(last)
                && table.wants(&["S6", "S11", "S12", "S13", "S14"])
            {
                let _ = lab.settled_gauges.set(lab.settle_gauges(servers));
            }
            figures.one = Some(one);
        }
        figures
    }

    pub(crate) fn first_rows(&self, table: &mut Table) {
        let processor = |ours: &Option<_>| {
            let ours = rounds_of(ours)?;
            let mut pair = pair(Cost::Nanos, ours, Sent::processor_nanos);
            // Against the peer's better figure.
            for other in [&self.one, &self.two] {
                let other = self::pair(Cost::Nanos, rounds_of(other)?, Sent::processor_nanos).peer;
                if other.number() < pair.peer.number() {
                    pair.peer = other;
                }
            }
            Ok(pair)
        };
        table
            .row("S1", "CPU a point, JSON over HTTP, 1 connection", 0.25, |_| processor(&self.one));
        table.row("S2", "CPU a point, JSON over HTTP, 2 connections", 0.25, |_| {
            processor(&self.two)
        });
        table.row("S3", "time a point, 1 connection", 0.33, |_| {
            Ok(pair(Cost::Nanos, rounds_of(&self.one)?, Sent::wall_nanos))
        });
        table.row("S4", "p99 of a request of 10 000 points", 0.25, |_| {
            Ok(pair(Cost::Nanos, rounds_of(&self.one)?, |sent| sent.latency(0.99)))
        });
        table.aside("median of a request of 10 000 points", |_| {
            Ok(pair(Cost::Nanos, rounds_of(&self.one)?, |sent| sent.latency(0.5)))
        });
    }

    pub(crate) fn memory_row(&self, table: &mut Table) {
        let name = "memory after 10 M points of 10 000 series";
        table.row("S9", name, 0.60, |_| {
            Ok(pair(Cost::Bytes, rounds_of(&self.one)?, |sent| sent.memory))
        });
    }
}

fn rounds_of(figures: &Option<Result<Rounds, String>>) -> Result<&Rounds, String> {
    figures.as_ref().expect("it was measured because a row wants it").as_ref().map_err(Clone::clone)
}

/// The medians of what both sides gave.
pub(crate) fn pair(unit: fn(f64) -> Cost, rounds: &Rounds, figure: impl Fn(&Sent) -> f64) -> Pair {
    let [mut ours, mut peer] =
        [0, 1].map(|side: usize| rounds[side].iter().map(&figure).collect::<Vec<_>>());
    Pair::medians(unit, &mut ours, &mut peer)
}

/// Lets both sides, in turn, take all gauges into an empty store.
fn rounds(lab: &Lab, connections: usize, mut then: impl FnMut(Server)) -> Result<Rounds, String> {
    let mut rounds = Rounds::default();
    for _ in 0..lab.size.rounds {
        for side in Side::BOTH {
            let server = lab.server(side)?;
            let mut sent = send(&server, lab.gauges(), connections)?;
            // What it puts off is a part of the price, and its memory is what it needed at most.
            sent.processor += server.rest()?;
            sent.memory = sent.memory.max(server.memory()?);
            rounds[side as usize].push(sent);
            then(server);
        }
    }
    Ok(rounds)
}

/// Requests of one point each, from many connections at once.
pub(crate) fn small_requests(table: &mut Table, lab: &Lab) {
    if !table.wants(&["S5"]) {
        return;
    }
    let count = lab.size.small_requests;
    let requests: Vec<_> = (0..count)
        .map(|n| {
            let (host, at) = (n % SMALL_CONNECTIONS, n / SMALL_CONNECTIONS);
            one_point("small", host, lab.now + at as i64, at as f64 / 4.0)
        })
        .collect();
    let requests: Vec<_> = requests.iter().map(|request| &**request).collect();
    let (first, rest) = requests.split_at(count / 10);
    let time = |callers| {
        let mut rounds = Rounds::default();
        for _ in 0..lab.size.rounds {
            for side in Side::BOTH {
                let server = lab.server(side)?;
                // So the series are known, and the caches warm.
                send_requests(&server, first, first.len(), callers)?;
                let sent = send_requests(&server, rest, rest.len(), callers)?;
                rounds[side as usize].push(sent);
                remove(server);
            }
        }
        Ok(pair(Cost::Nanos, &rounds, Sent::wall_nanos))
    };
    let callers = Callers::new(SMALL_CONNECTIONS);
    table.row("S5", "time a request of 1 point, 64 connections", 1.0, |_| time(callers));
    table.aside("time a request of 1 point, 64 connections of a thread each", |_| {
        time(Callers { threads: SMALL_CONNECTIONS, ..callers })
    });
}

/// Very many series of one point.
pub(crate) fn many_series(table: &mut Table, lab: &Lab) {
    let mut rounds = Rounds::default();
    table.row("S10", "memory after 1 M series of 1 point", 1.0, |_| {
        let shape = Shape { series: lab.size.wide_series, instants: 1, ..lab.shape(Values::Gauge) };
        rounds = one_shape(lab, shape, 1)?;
        Ok(pair(Cost::Bytes, &rounds, |sent| sent.memory))
    });
    if !rounds[0].is_empty() {
        table.aside("CPU a point, 1000000 series of 1 point", |_| {
            Ok(pair(Cost::Nanos, &rounds, Sent::processor_nanos))
        });
    }
}

/// How the cost grows with series and shrinks with bodies.
pub(crate) fn curves(table: &Table, lab: &Lab) {
    let points = lab.size.curve_points;
    for series in [100, 1_000, 10_000, 100_000] {
        let shape = Shape {
            series,
            instants: points.div_ceil(series),
            start: lab.now - 30 * 3600,
            ..lab.shape(Values::Gauge)
        };
        table.aside(&format!("CPU a point, {series} series, bodies of 10000"), |_| {
            let rounds = one_shape(lab, shape, 1)?;
            Ok(pair(Cost::Nanos, &rounds, Sent::processor_nanos))
        });
    }
    for body in [1, 10, 100, 1_000, 10_000, 50_000] {
        // A thousand requests, or as many as have all the points.
        let points = points.min(body * 1_000);
        let series = points.min(10_000);
        let shape = Shape { body, series, instants: points / series, ..lab.shape(Values::Gauge) };
        table.aside(&format!("time a point, bodies of {body}, 1 connection"), |_| {
            let rounds = one_shape(lab, shape, 1)?;
            Ok(pair(Cost::Nanos, &rounds, Sent::wall_nanos))
        });
    }
}

/// How long requests take while what came before them is packed or merged.
pub(crate) fn while_busy(table: &Table, lab: &Lab) {
    if !table.is_whole() {
        return;
    }
    let later = Shape { instants: lab.size.instants / 5, ..lab.shape(Values::Constant) };
    let later = Load::build(later);
    let rounds = || {
        let mut rounds = Rounds::default();
        for side in Side::BOTH {
            let server = lab.server(side)?;
            // With a thousand points a series is worth a chunk: from now on ours packs them.
            send(&server, lab.gauges(), 2)?;
            server.merge()?;
            rounds[side as usize].push(send(&server, &later, 1)?);
            remove(server);
        }
        Ok(rounds)
    };
    let rounds: Result<Rounds, String> = rounds();
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let name = format!("{name} of a request of 10000 points, while 10 M others are packed");
        table.aside(&name, |_| {
            let rounds = rounds.as_ref().map_err(Clone::clone)?;
            Ok(pair(Cost::Nanos, rounds, |sent| sent.latency(share)))
        });
    }
}

/// Both sides take a load into an empty store, in as many rounds as its row needs.
fn one_shape(lab: &Lab, shape: Shape, connections: usize) -> Result<Rounds, String> {
    let load = Load::build(shape);
    let mut rounds = Rounds::default();
    for _ in 0..lab.size.rounds {
        for side in Side::BOTH {
            let server = lab.server(side)?;
            rounds[side as usize].push(send(&server, &load, connections)?);
            remove(server);
        }
    }
    Ok(rounds)
}
