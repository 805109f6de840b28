//! What the queries are run on: the same numbers for both sides.

use std::time::Duration;

use apptuit_model::{TimeRange, TimeSeries, Timestamp};
use apptuit_query::{Answer, Engine, Limits, MemorySource, Plan, parse};
use harness::timed;

/// Milliseconds between two points of a series.
const EVERY: i64 = 10_000;
/// Series of one host.
const CORES: usize = 10;
/// The first instant: the start of a minute, far from zero as real ones are.
const START: i64 = 1_700_000_040_000;

/// Series of a host and a core each, with a value every ten seconds.
pub(crate) struct Data {
    series: usize,
    points: usize,
    source: MemorySource,
}

impl Data {
    /// So many series of so many points.
    pub(crate) fn new(series: usize, points: usize) -> Self {
        let named = |n: usize| {
            let tags = [
                ("host", format!("host-{:05}", n / CORES)),
                ("core", (n % CORES).to_string()),
                ("dc", "blr".to_owned()),
            ];
            let points = (0..points).map(|i| (Timestamp::from_millis(instant(i)), value(n, i)));
            TimeSeries::from_points(("node.cpu", tags), points)
        };
        Self { series, points, source: (0..series).map(named).into() }
    }

    /// Points of all series.
    pub(crate) fn len(&self) -> usize {
        self.series * self.points
    }

    /// Calls `point` for each point: the number of its series, that of its host, milliseconds and
    /// the value.
    pub(crate) fn each(&self, mut point: impl FnMut(u32, u32, i64, f64)) {
        for n in 0..self.series {
            for i in 0..self.points {
                let code = |n: usize| u32::try_from(n).expect("there are not so many");
                point(code(n), code(n / CORES), instant(i), value(n, i));
            }
        }
    }

    /// The time a query takes on so many threads, and what comes of it.
    pub(crate) fn run(&self, query: &Query, threads: usize) -> (Answer, Duration) {
        let engine = engine(threads);
        let end = Timestamp::from_millis(instant(self.points));
        let range = TimeRange::new(Timestamp::from_millis(START), end);
        timed(|| engine.run_plan(&query.0, range, &self.source).expect("the query is good"))
    }
}

/// A query that is planned.
pub(crate) struct Query(Plan);

impl Query {
    pub(crate) fn new(text: &str) -> Self {
        let query = parse(text).expect("it is a query");
        Self(engine(1).plan(&query).expect("it is well formed"))
    }
}

fn engine(max_threads: usize) -> Engine {
    let all = usize::MAX;
    Engine::new(Limits { max_series: all, max_points: all, max_threads, ..Limits::default() })
}

fn instant(i: usize) -> i64 {
    START + i64::try_from(i).expect("there are not so many") * EVERY
}

/// Grows by up to 100 a point, and now and then starts again.
fn value(series: usize, i: usize) -> f64 {
    let noise = (series * 31 + i * 17) % 100;
    (((i * 50) + noise) % 12_000) as f64
}
