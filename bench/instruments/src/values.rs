//! Recording values and durations.

use std::hint::black_box;
use std::time::Duration;

use apptuit_metrics::{Histogram, Registry};
use harness::{Effort, Pair, Table};
use metriken::AtomicCounterHistogram;
use witchcraft_metrics::MetricRegistry;

use crate::names::{GREATEST, threads, values};

/// So many values before, and a decaying reservoir takes hardly any of those that come.
const BEFORE: u32 = 2_000_000;
/// How many values are recorded in turn.
const CYCLE: usize = 1024;

pub(crate) fn histograms(table: &mut Table) {
    if !table.wants(&["I9", "I10"]) {
        return;
    }
    let histogram = steady_histogram();
    for (id, count, goal) in [("I9", 1, 0.10), ("I10", 2, 0.05)] {
        let name = format!(
            "histogram record, steady decaying reservoir, {}, against witchcraft-metrics",
            threads(count)
        );
        table.row(id, &name, goal, |effort| against_witchcraft(effort, count, &histogram));
    }
    let values = values::<CYCLE>(1);
    let log_linear = AtomicCounterHistogram::new(7, 64);
    table.aside("histogram record, 1 thread, against metriken's log-linear one", |effort| {
        effort.race(1, record(&histogram, &values), |i| {
            let _ = black_box(&log_linear).increment(values[i % CYCLE].into());
        })
    });
}

/// A histogram whose reservoir has long been full.
pub(crate) fn steady_histogram() -> Histogram {
    let histogram = Registry::new().histogram("basket.items");
    (0..BEFORE).for_each(|n| histogram.record(n % GREATEST));
    histogram
}

/// What recording costs by any number of threads, against a witchcraft-metrics histogram in the
/// same state.
pub(crate) fn against_witchcraft(
    effort: &Effort,
    threads: usize,
    histogram: &Histogram,
) -> Result<Pair, String> {
    let values = values::<CYCLE>(1);
    let peer = MetricRegistry::new().histogram("basket.items");
    (0..BEFORE).for_each(|n| peer.update((n % GREATEST).into()));
    effort.race(threads, record(histogram, &values), |i| {
        black_box(&peer).update(values[i % CYCLE].into());
    })
}

fn record(histogram: &Histogram, values: &[u32; CYCLE]) -> impl Fn(usize) + Sync {
    move |i| black_box(histogram).record(values[i % CYCLE])
}

pub(crate) fn timers(table: &mut Table) {
    if !table.wants(&["I13", "I14", "I15"]) {
        return;
    }
    let ours = Registry::new().timer("http.latency");
    let peer = MetricRegistry::new().timer("http.latency");
    for n in 0..BEFORE {
        let took = Duration::from_nanos((n % GREATEST).into());
        ours.record(took);
        peer.update(took);
    }
    let clock = quanta::Clock::new();
    let start_and_stop = |_: usize| drop(black_box(&ours).start());
    for (id, count, goal) in [("I13", 1, 0.20), ("I14", 2, 0.10)] {
        let name = format!("timer start + stop, {}, against witchcraft-metrics", threads(count));
        table.row(id, &name, goal, |effort| {
            effort.race(count, start_and_stop, |_| drop(black_box(&peer).time()))
        });
    }
    table.row(
        "I15",
        "timer start + stop, 1 thread, against two raw reads of its clock",
        1.3,
        |effort| {
            effort.race(1, start_and_stop, |_| {
                black_box(black_box(&clock).raw());
                black_box(black_box(&clock).raw());
            })
        },
    );
}
