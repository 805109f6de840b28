//! Counting by name, and by macro.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apptuit_metrics::{Registry, counter};
use harness::{Effort, Pair, Table};
use metrics::{Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
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
        let name = format!("counter by name among 10 000, {}; witchcraft-metrics", threads(count));
        table.row(id, &name, goal, |effort| {
            effort.race(count, inc, |i| witchcraft.counter(hot[i % HOT]).inc())
        });
    }
    for (id, count, goal) in [("I6", 1, 1.0), ("I7", 2, 0.40)] {
        let name = format!("counter by name among 10 000, {}; metrics-util", threads(count));
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
    let recorder = UtilRecorder(UtilRegistry::new(AtomicStorage));
    metrics::set_global_recorder(recorder).expect("nobody else set one");
    table.row("I8", "macro with 2 static labels, 1 thread; metrics, counter!", 0.05, |effort| {
        effort.race(
            1,
            |_| counter!("checkout.orders", "city" => "blr", "state" => "accepted").inc(),
            |_| {
                metrics::counter!("checkout.orders", "city" => "blr", "state" => "accepted")
                    .increment(1);
            },
        )
    });
}

/// The least that can stand behind the facade's macro: the registry that its own recorders use.
struct UtilRecorder(UtilRegistry<Key, AtomicStorage>);

impl Recorder for UtilRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        self.0.get_or_create_counter(key, |counter| Arc::clone(counter).into())
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.0.get_or_create_gauge(key, |gauge| Arc::clone(gauge).into())
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.0.get_or_create_histogram(key, |histogram| Arc::clone(histogram).into())
    }
}
