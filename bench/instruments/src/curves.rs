//! How cost grows, without goals: with threads, with names, with instruments that nobody uses.

use apptuit_metrics::Registry;
use harness::{Effort, Pair, Table, timed};
use witchcraft_metrics::MetricRegistry;

use crate::names::{names, threads};
use crate::{by_name, counters, snapshots, values};

pub(crate) fn rows(table: &Table) {
    if !table.is_whole() {
        return;
    }
    with_threads(table);
    with_names(table);
    with_idle_instruments(table);
}

fn with_threads(table: &Table) {
    let counter = Registry::new().counter("orders.accepted");
    let histogram = values::steady_histogram();
    for count in [1, 2, 4, 8] {
        let name =
            format!("counter by handle, {}, against one relaxed atomic word", threads(count));
        table.aside(&name, |effort| counters::against_one_word(effort, count, &counter));
    }
    for count in [1, 2, 4, 8] {
        let name = format!("histogram record, {}, against witchcraft-metrics", threads(count));
        table.aside(&name, |effort| values::against_witchcraft(effort, count, &histogram));
    }
}

fn with_names(table: &Table) {
    for count in [100, 10_000, 1_000_000] {
        let names = names(count);
        let name = format!("counter by name, any of {count}, against witchcraft-metrics");
        table.aside(&name, |effort| by_name::among(effort, &names));
        let name = format!("snapshot of {count} counters, against witchcraft-metrics");
        table.aside(&name, |effort| {
            snapshots(
                effort,
                &names,
                |registry, name| registry.counter(name).inc(),
                |registry, name| registry.counter(name).inc(),
            )
        });
    }
}

fn with_idle_instruments(table: &Table) {
    for (count, values) in [(10_000, 0), (1_000, 2_000), (10_000, 2_000)] {
        let names = names(count);
        let name = format!(
            "snapshot of {count} histograms with {values} values and none since, against witchcraft-metrics"
        );
        table.aside(&name, |effort| {
            snapshots(
                effort,
                &names,
                |registry, name| {
                    let histogram = registry.histogram(name);
                    (0..values).for_each(|value| histogram.record(value));
                },
                |registry, name| {
                    let histogram = registry.histogram(name);
                    (0..values).for_each(|value| histogram.update(value.into()));
                },
            )
        });
    }
}

/// What a snapshot costs while nothing is recorded.
fn snapshots(
    effort: &Effort,
    names: &[&'static str],
    ours: impl Fn(&Registry, &'static str),
    peer: impl Fn(&MetricRegistry, &'static str),
) -> Result<Pair, String> {
    let (registry, peers) = (Registry::new(), MetricRegistry::new());
    for name in names {
        ours(&registry, name);
        peer(&peers, name);
    }
    Ok(effort.turns(|| timed(|| registry.dump()).1, || timed(|| snapshots::said_by(&peers)).1))
}
