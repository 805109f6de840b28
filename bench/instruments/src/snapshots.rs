//! Reading all of a registry: what a reporter does.

use apptuit_metrics::{Distribution, Reading, Registry};
use harness::{Effort, Pair, Table, timed};
use witchcraft_metrics::{Metric, MetricRegistry, Snapshot};

use crate::names::{GREATEST, names, values};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;
/// Enough to fill a reservoir of 1028.
const VALUES: usize = 2_000;
/// What every histogram takes in between two snapshots, so that there is something new to read.
const BETWEEN: usize = 8;
/// Values are recorded in turn from so many.
const CYCLE: usize = 1 << 16;

pub(crate) fn rows(table: &mut Table) {
    table.row(
        "I16",
        "snapshot of 10 000 counters and 1000 full reservoirs, against witchcraft-metrics",
        0.30,
        |effort| Ok(snapshots(effort)),
    );
}

fn snapshots(effort: &Effort) -> Pair {
    let names = names(COUNTERS + HISTOGRAMS);
    let (of_counters, of_histograms) = names.split_at(COUNTERS);

    let registry = Registry::new();
    let counters: Vec<_> = of_counters.iter().map(|&name| registry.counter(name)).collect();
    let histograms: Vec<_> = of_histograms.iter().map(|&name| registry.histogram(name)).collect();
    let mut feed = Feed::new(
        || counters.iter().for_each(|counter| counter.inc()),
        |values| histograms.iter().for_each(|histogram| histogram.record(values())),
    );
    let ours = || {
        feed.some();
        let (dump, took) = timed(|| registry.dump());
        feed.check(dump.iter().map(|metric| match &metric.reading {
            Reading::Counter(count) => Said::Count(*count),
            Reading::Histogram(values) => Said::Figures(values.into()),
            other => unreachable!("{other:?} was not registered"),
        }));
        took
    };

    let registry = MetricRegistry::new();
    let counters: Vec<_> = of_counters.iter().map(|&name| registry.counter(name)).collect();
    let histograms: Vec<_> = of_histograms.iter().map(|&name| registry.histogram(name)).collect();
    let mut feed = Feed::new(
        || counters.iter().for_each(|counter| counter.inc()),
        |values| histograms.iter().for_each(|histogram| histogram.update(values().into())),
    );
    let peer = || {
        feed.some();
        let (said, took) = timed(|| said_by(&registry));
        feed.check(said.into_iter());
        took
    };
    effort.turns(ours, peer)
}

/// What the instruments of one side were told, and should therefore say.
struct Feed<C, H> {
    count: C,
    record: H,
    values: Box<[u32; CYCLE]>,
    recorded: usize,
    counted: i64,
}

impl<C: FnMut(), H: FnMut(&mut dyn FnMut() -> u32)> Feed<C, H> {
    /// Fills the reservoirs. `count` adds one to every counter, `record` adds to every histogram
    /// what it is handed.
    fn new(count: C, record: H) -> Self {
        let mut feed = Self { count, record, values: values(1), recorded: 0, counted: 0 };
        feed.record(VALUES);
        feed
    }

    fn some(&mut self) {
        (self.count)();
        self.counted += 1;
        self.record(BETWEEN);
    }

    fn record(&mut self, times: usize) {
        let mut next = || {
            self.recorded += 1;
            self.values[self.recorded % CYCLE]
        };
        (0..times).for_each(|_| (self.record)(&mut next));
    }

    /// Panics unless every instrument says what it must.
    fn check(&self, said: impl Iterator<Item = Said>) {
        let (mut counters, mut histograms) = (0, 0);
        for said in said {
            match said {
                Said::Count(count) => {
                    assert_eq!(count, self.counted);
                    counters += 1;
                }
                Said::Figures(figures) => {
                    figures.check();
                    histograms += 1;
                }
            }
        }
        assert_eq!((counters, histograms), (COUNTERS, HISTOGRAMS));
    }
}

/// What the instruments of the peer say: as much as ours say in a dump.
pub(crate) fn said_by(registry: &MetricRegistry) -> Vec<Said> {
    let metrics = registry.metrics();
    let said = metrics.iter().map(|(_, metric)| match metric {
        Metric::Counter(counter) => Said::Count(counter.count()),
        Metric::Histogram(histogram) => Said::Figures((&*histogram.snapshot()).into()),
        _ => unreachable!("nothing else was registered"),
    });
    said.collect()
}

/// What an instrument says.
pub(crate) enum Said {
    Count(i64),
    Figures(Figures),
}

/// What a histogram says.
#[derive(Debug)]
pub(crate) struct Figures {
    quantiles: [f64; 6],
    mean: f64,
    deviation: f64,
}

const QUANTILES: [f64; 6] = [0.5, 0.75, 0.95, 0.98, 0.99, 0.999];

impl From<&Distribution> for Figures {
    fn from(values: &Distribution) -> Self {
        Self {
            quantiles: [values.p50, values.p75, values.p95, values.p98, values.p99, values.p999],
            mean: values.mean,
            deviation: values.std_dev,
        }
    }
}

impl From<&dyn Snapshot> for Figures {
    fn from(snapshot: &dyn Snapshot) -> Self {
        Self {
            quantiles: QUANTILES.map(|q| snapshot.value(q)),
            mean: snapshot.mean(),
            deviation: snapshot.stddev(),
        }
    }
}

impl Figures {
    /// Panics unless a sample of 1028 of the values could have these figures.
    fn check(&self) {
        let greatest = f64::from(GREATEST);
        let deviation = greatest / 12_f64.sqrt();
        // Six standard errors. In the tail, where errors are not normal, a 50th of all values: none
        // of a sample is among them once in a thousand million times.
        let near = |is: f64, should: f64, error: f64| (is - should).abs() <= 6.0 * error;
        for (q, value) in QUANTILES.into_iter().zip(self.quantiles) {
            let error = (q * (1.0 - q) / 1028.0_f64).sqrt().max(0.02 / 6.0);
            assert!(near(value / greatest, q, error), "quantile {q} of {self:?}");
        }
        assert!(self.quantiles.is_sorted(), "{self:?}");
        assert!(near(self.mean, greatest / 2.0, deviation / 1028_f64.sqrt()), "{self:?}");
        // The kurtosis of an even spread is 1.8.
        let error = deviation * (0.8 / 4.0 / 1028_f64).sqrt();
        assert!(near(self.deviation, deviation, error), "{self:?}");
    }
}
