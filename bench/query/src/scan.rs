//! Many points into few buckets: what is left to gain is the memory's speed.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use harness::{Cost, Pair, Table, timed};

use crate::MEMORY;
use crate::data::{Data, Query};

const SERIES: usize = 1000;
const POINTS: usize = 10_000;
const AVERAGES: &str = "fetch('node.cpu').downsample('1h', 'avg')";
/// What Q4 may take above its input.
const BUDGET: f64 = 64e6;

pub(crate) fn rows(table: &mut Table) {
    if !table.wants(&["Q4", "Q6"]) {
        return;
    }
    let data = Data::new(SERIES, POINTS);
    let query = Query::new(AVERAGES);
    table.row(
        "Q4",
        "avg 1h over 10 M points / one pass that sums them, one thread",
        3.0,
        |effort| {
            let (mut instants, mut values) = (Vec::new(), Vec::new());
            data.each(|_, _, instant, value| {
                instants.push(instant);
                values.push(value);
            });
            let one_pass = || {
                let sums = || {
                    let pairs = instants.iter().zip(&values);
                    pairs.fold((0_i64, 0.0), |(a, b), (instant, value)| {
                        (a.wrapping_add(*instant), b + value)
                    })
                };
                timed(|| black_box(sums())).1
            };
            Ok(effort.turns(|| checked(&data, &query, 1), one_pass))
        },
    );
    table.row("Q6", "peak memory of Q4 above its input / 64 MB", 1.0, |_| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let bytes = MEMORY.peak_of(|| data.run(&query, threads));
        Ok(Pair { ours: Cost::Bytes(bytes as f64), peer: Cost::Bytes(BUDGET), remark: None })
    });
}

fn checked(data: &Data, query: &Query, threads: usize) -> Duration {
    let (answer, took) = data.run(query, threads);
    assert_eq!((answer.points_read, answer.outputs[0].series.len()), (10_000_000, SERIES));
    took
}
