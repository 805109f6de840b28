//! What instruments keep allocated.

use std::any::Any;
use std::thread;

use apptuit_metrics::Registry;
use harness::{Pair, Table};
use witchcraft_metrics::MetricRegistry;

use crate::MEMORY;
use crate::names::name;

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;
/// Enough to fill a reservoir of 1028.
const VALUES: u32 = 10_000;

/// What was measured, to be printed later.
#[derive(Default)]
pub(crate) struct Figures {
    counter: Option<Pair>,
    reservoir: Option<Pair>,
    asides: Vec<(&'static str, Pair)>,
    /// All registries, so that none gets the memory that another gave back.
    kept: Vec<Box<dyn Any>>,
}

impl Figures {
    /// Measures what is asked for. One thread used each instrument, once or to fill its reservoir.
    pub(crate) fn taken(table: &Table) -> Self {
        let mut figures = Self::default();
        if table.wants(&["I17"]) {
            figures.counter = Some(figures.each(
                COUNTERS,
                |registry, name| registry.counter(name).inc(),
                |registry, name| registry.counter(name).inc(),
            ));
        }
        if table.wants(&["I18"]) {
            figures.reservoir = Some(figures.each(HISTOGRAMS, fill_ours, fill_peer));
        }
        if table.is_whole() {
            figures.take_asides();
        }
        figures.kept.clear();
        figures
    }

    fn take_asides(&mut self) {
        let never_used = self.each(
            COUNTERS,
            |registry, name| drop(registry.counter(name)),
            |registry, name| drop(registry.counter(name)),
        );
        self.asides.push(("counter nobody used", never_used));
        let meter = self.each(
            COUNTERS,
            |registry, name| registry.meter(name).mark(),
            |registry, name| registry.meter(name).mark(1),
        );
        self.asides.push(("meter", meter));
        let gauge = self.each(
            COUNTERS,
            |registry, name| registry.gauge_fn(name, || 1.0),
            |registry, name| drop(registry.gauge(name, || 1.0)),
        );
        self.asides.push(("gauge of a function", gauge));
        let histogram = self.each(
            HISTOGRAMS,
            |registry, name| drop(registry.histogram(name)),
            |registry, name| drop(registry.histogram(name)),
        );
        self.asides.push(("histogram nobody used", histogram));
        let timer = self.each(
            HISTOGRAMS,
            |registry, name| drop(registry.timer(name)),
            |registry, name| drop(registry.timer(name)),
        );
        self.asides.push(("timer nobody used", timer));
        let shared = self.each(
            HISTOGRAMS,
            |registry, name| {
                fill_ours(registry, name);
                thread::scope(|scope| scope.spawn(|| fill_ours(registry, name)).join())
                    .expect("recording does not panic");
            },
            |registry, name| {
                fill_peer(registry, name.clone());
                thread::scope(|scope| scope.spawn(|| fill_peer(registry, name)).join())
                    .expect("recording does not panic");
            },
        );
        self.asides.push(("full reservoir that two threads used", shared));
    }

    /// The memory of each of `count` instruments of one kind, which both sides use alike.
    fn each(
        &mut self,
        count: usize,
        ours: impl Fn(&Registry, &str),
        peer: impl Fn(&MetricRegistry, String),
    ) -> Pair {
        let (registry, our_bytes) = MEMORY.left_by(|| {
            let registry = Registry::new();
            (0..count).for_each(|number| ours(&registry, &name(number)));
            registry
        });
        let (peers, peer_bytes) = MEMORY.left_by(|| {
            let registry = MetricRegistry::new();
            (0..count).for_each(|number| peer(&registry, name(number)));
            registry
        });
        self.kept.push(Box::new((registry, peers)));
        Pair::bytes_each(our_bytes, peer_bytes, count)
    }

    pub(crate) fn rows(self, table: &mut Table) {
        if let Some(pair) = self.counter {
            table.row("I17", "idle counter with its name, against witchcraft-metrics", 1.0, |_| {
                Ok(pair)
            });
        }
        if let Some(pair) = self.reservoir {
            table.row("I18", "full reservoir, against witchcraft-metrics", 0.50, |_| Ok(pair));
        }
        for (name, pair) in self.asides {
            table.aside(&format!("memory: {name}, against witchcraft-metrics"), |_| Ok(pair));
        }
    }
}

fn fill_ours(registry: &Registry, name: &str) {
    let histogram = registry.histogram(name);
    (0..VALUES).for_each(|value| histogram.record(value));
}

fn fill_peer(registry: &MetricRegistry, name: String) {
    let histogram = registry.histogram(name);
    (0..VALUES).for_each(|value| histogram.update(value.into()));
}
