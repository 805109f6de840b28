//! The same numbers through a data frame, which is what people would use otherwise.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use harness::{Cost, Effort, Pair, Table, timed};
use polars::prelude::*;

use crate::data::{Data, Query};

const SERIES: usize = 1000;
const POINTS: usize = 360;
const MANY: usize = 100_000;
const SUMS: &str = "fetch('node.cpu').downsample('1m', 'avg').sum(by='host')";
const RATES: &str = "fetch('node.cpu', rate='counter', dropcounterresets='true')\
                     .downsample('1m', 'avg').sum(by='host')";

pub(crate) fn rows(table: &mut Table) {
    if !table.wants(&["Q2", "Q3", "Q5"]) {
        return;
    }
    let data = Data::new(SERIES, POINTS);
    table.row("Q2", "avg 1m, sum by host, 1000 series x 1 h at 10 s / polars", 0.5, |effort| {
        against_frame(effort, &data, SUMS, |frame| frame)
    });
    table.row("Q3", "rate counter, avg 1m, sum by host / polars", 0.5, |effort| {
        against_frame(effort, &data, RATES, rates)
    });
    table.row("Q5", "a point of Q2 with 100 000 series / of Q2", 1.5, |effort| {
        let many = Data::new(MANY, POINTS);
        let query = Query::new(SUMS);
        let pair = effort.turns(|| data_run(&many, &query).1, || data_run(&data, &query).1);
        let per_point = |cost: Cost, data: &Data| Cost::Nanos(cost.number() / data.len() as f64);
        let (ours, peer) = (per_point(pair.ours, &many), per_point(pair.peer, &data));
        Ok(Pair { ours, peer, remark: pair.remark })
    });
}

fn data_run(data: &Data, query: &Query) -> (f64, Duration) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (answer, took) = data.run(query, threads);
    let sums = answer.outputs.iter().flat_map(|output| &output.series);
    let sum = sums.flat_map(|series| series.series.values()).sum();
    (sum, took)
}

/// Both sides on as many threads as there are processors.
fn against_frame(
    effort: &Effort,
    data: &Data,
    text: &str,
    prepare: impl Fn(LazyFrame) -> LazyFrame,
) -> Result<Pair, String> {
    let query = Query::new(text);
    let frame = frame_of(data).map_err(|error| error.to_string())?.lazy();
    let peer = || {
        let plan = sums(prepare(frame.clone()));
        let (answer, took) = timed(|| plan.collect().expect("the frame has these columns"));
        let sum = answer.column("value").and_then(|column| {
            column.f64()?.sum().ok_or_else(|| PolarsError::NoData("no sum".into()))
        });
        (sum.expect("there are values"), took)
    };
    let (ours, theirs) = (data_run(data, &query).0, peer().0);
    if (ours - theirs).abs() > 1e-9 * theirs.abs() {
        return Err(format!("the answers differ: {ours} and {theirs}"));
    }
    Ok(effort.turns(|| data_run(data, &query).1, || black_box(peer()).1))
}

/// In the order of series and time, as series are kept; names are numbers, which frames group
/// faster than texts.
fn frame_of(data: &Data) -> PolarsResult<DataFrame> {
    let (mut series, mut hosts, mut times, mut values) = (vec![], vec![], vec![], vec![]);
    data.each(|n, host, time, value| {
        series.push(n);
        hosts.push(host);
        times.push(time);
        values.push(value);
    });
    df!("series" => series, "host" => hosts, "time" => times, "value" => values)
}

/// Changes per second within a series, without those of counters that start again.
fn rates(frame: LazyFrame) -> LazyFrame {
    let change = |name: &str| col(name) - col(name).shift(lit(1));
    frame
        .with_columns([
            change("value").alias("grown"),
            change("time").alias("millis"),
            col("series").eq(col("series").shift(lit(1))).alias("same"),
        ])
        .filter(col("same").and(col("grown").gt_eq(lit(0.0))))
        .with_column((col("grown") / col("millis") * lit(1000.0)).alias("value"))
}

fn sums(frame: LazyFrame) -> LazyFrame {
    let minute = col("time") - col("time") % lit(60_000_i64);
    frame
        .with_column(minute.alias("minute"))
        .group_by([col("series"), col("minute")])
        .agg([col("value").mean(), col("host").first()])
        .group_by([col("host"), col("minute")])
        .agg([col("value").sum()])
}
