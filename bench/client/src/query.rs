//! Answers to queries, on their way in.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use apptuit::{TimeRange, TimeSeries, Timestamp};
use apptuit_model::wire::{AnswerOutput, AnswerSeries, QueryAnswer, QueryEcho, QueryStats};
use harness::{Table, timed};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

const SERIES: usize = 100;
const POINTS: usize = 10_000;

pub(crate) fn rows(table: &mut Table) {
    if !table.wants(&["C3", "C4"]) {
        return;
    }
    let answer = answer();
    let body = answer.encode();
    let checksum = checksum(&answer);
    let ours = || {
        let (read, took) = timed(|| QueryAnswer::decode(&body).expect("an answer"));
        assert_eq!(self::checksum(&read), checksum, "ours reads another double");
        took
    };
    table.row("C3", "1 M points to columns / serde_json, exact", 0.60, |effort| {
        let read = || serde_json::from_slice(&body).expect("an answer");
        Ok(effort.turns(ours, || peers(read, checksum)))
    });
    table.row("C4", "1 M points to columns / sonic-rs", 0.75, |effort| {
        let read = || sonic_rs::from_slice(&body).expect("an answer");
        Ok(effort.turns(ours, || peers(read, checksum)))
    });
}

/// Values as services have them: a third whole, some with three decimals, some with all the digits
/// there are.
fn answer() -> QueryAnswer {
    let mut random = fastrand::Rng::with_seed(7);
    let series = (0..SERIES).map(|n| {
        let points = (0..POINTS).map(|at| {
            let value = match random.u8(0..10) {
                0..3 => f64::from(random.u32(0..1_000_000)),
                3..7 => (random.f64() * 1e6).round() / 1e3,
                _ => random.f64() * 1e3,
            };
            (Timestamp::from_secs(1_600_000_000 + 10 * at as i64), value)
        });
        let name = ("node.cpu.seconds", [("host", format!("web-{n:03}"))]);
        let series = TimeSeries::from_points(name, points);
        AnswerSeries { series, aggregated_tags: Vec::new() }
    });
    QueryAnswer {
        outputs: vec![AnswerOutput { id: "cpu".into(), series: series.collect() }],
        hints: Vec::new(),
        query: QueryEcho { text: "fetch('node.cpu.seconds')".into(), range: TimeRange::ALL },
        stats: QueryStats::default(),
        timings: Vec::new(),
    }
}

fn checksum(answer: &QueryAnswer) -> u64 {
    let series = answer.outputs.iter().flat_map(|output| &output.series);
    sum_of_bits(series.map(|one| one.series.values()))
}

fn sum_of_bits<'a>(columns: impl Iterator<Item = &'a [f64]>) -> u64 {
    columns.flatten().fold(0, |sum, value| sum.wrapping_add(value.to_bits()))
}

fn peers(read: impl FnOnce() -> Answer, checksum: u64) -> Duration {
    let (answer, took) = timed(read);
    let series = answer.outputs.iter().flat_map(|output| &output.result);
    let sum = sum_of_bits(series.map(|one| {
        assert!(!one.metric.is_empty() && one.tags.len() == 1);
        assert_eq!(one.dps.timestamps.len(), POINTS);
        &*one.dps.values
    }));
    assert_eq!(sum, checksum, "the peer reads another double");
    took
}

/// An answer as the peers are told of it: what is not needed is left out, points go to columns.
#[derive(Deserialize)]
struct Answer {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: String,
    tags: BTreeMap<String, String>,
    dps: Columns,
}

#[derive(Default)]
struct Columns {
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Points;
        impl<'de> Visitor<'de> for Points {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("points")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut points: A) -> Result<Columns, A::Error> {
                let mut columns = Columns::default();
                while let Some((timestamp, value)) = points.next_element()? {
                    columns.timestamps.push(timestamp);
                    columns.values.push(value);
                }
                Ok(columns)
            }
        }
        input.deserialize_seq(Points)
    }
}
