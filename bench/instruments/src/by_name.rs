//! Counting by name, and by macro.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apptuit_metrics::{Registry, counter};
use harness::{Effort, Pair, Table};
use metrics::{Key, Label};
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_util::registry::{AtomicStorage, Registry as UtilRegistry};
use witchcraft_metrics::MetricRegistry;

use crate::names::{names, shuffled, threads};

/// Of the names that are registered, so many are counted by, again and again.
const HOT: usize = 1024;

pub(crate) fn rows(table: &mut Table) {
    if table.wants(&["I4", "I5", "I6", "I7"]) {
        lookups(table);
    }
    if table.wants(&["I8"]) {
        macros(table);
    }
}

fn lookups(table: &mut Table) {
    let all = names(10_000);
    let hot = shuffled::<HOT>(&all);
    let ours = Registry::new();
    let witchcraft = MetricRegistry::new();
    let util = UtilRegistry::<Key, _>::new(AtomicStorage);
    for &name in &all {
        ours.counter(name).inc();
        witchcraft.counter(name).inc();
        util.get_or_create_counter(&Key::from_name(name), add_one);
    }

    let inc = |i: usize| ours.counter(hot[i % HOT]).inc();
    for (id, count, goal) in [("I4", 1, 0.25), ("I5", 2, 0.17)] {
        let name =
            format!("counter by name among 10 000, {}, against witchcraft-metrics", threads(count));
        table.row(id, &name, goal, |effort| {
            effort.race(count, inc, |i| witchcraft.counter(hot[i % HOT]).inc())
        });
    }
    for (id, count, goal) in [("I6", 1, 1.0), ("I7", 2, 0.40)] {
        let name =
            format!("counter by name among 10 000, {}, against metrics-util", threads(count));
        table.row(id, &name, goal, |effort| {
            effort.race(count, inc, |i| {
                util.get_or_create_counter(&Key::from_name(hot[i % HOT]), add_one);
            })
        });
    }
}

fn add_one(counter: &Arc<AtomicU64>) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What looking a counter up costs if all names are used alike, against witchcraft-metrics.
pub(crate) fn among(effort: &Effort, all: &[&'static str]) -> Result<Pair, String> {
    const PICKED: usize = 1 << 16;
    let picked = shuffled::<PICKED>(all);
    let (ours, witchcraft) = (Registry::new(), MetricRegistry::new());
    for &name in all {
        ours.counter(name).inc();
        witchcraft.counter(name).inc();
    }
    effort.race(
        1,
        |i| ours.counter(picked[i % PICKED]).inc(),
        |i| witchcraft.counter(picked[i % PICKED]).inc(),
    )
}

fn macros(table: &mut Table) {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::set_global_recorder(recorder).expect("nobody else set one");
    let inc = |_| counter!("checkout.orders", "city" => "blr", "state" => "accepted").inc();
    let name = "macro with 2 static labels, 1 thread, against metrics' `counter!` into \
                metrics-exporter-prometheus";
    table.row("I8", name, 0.05, |effort| {
        effort.race(1, inc, |_| {
            metrics::counter!("checkout.orders", "city" => "blr", "state" => "accepted")
                .increment(1);
        })
    });

    // The least that a recorder behind the facade can do, without the facade.
    static LABELS: [Label; 2] =
        [Label::from_static_parts("city", "blr"), Label::from_static_parts("state", "accepted")];
    static KEY: Key = Key::from_static_parts("checkout.orders", &LABELS);
    let util = UtilRegistry::<Key, _>::new(AtomicStorage);
    table.aside(
        "macro with 2 static labels, 1 thread, against metrics-util, hashed key",
        |effort| effort.race(1, inc, |_| util.get_or_create_counter(&KEY, add_one)),
    );
}
