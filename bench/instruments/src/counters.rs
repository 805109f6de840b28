//! Counting by a handle that is at hand.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use apptuit_metrics::{Counter, Registry};
use harness::{Effort, Pair, Table};
use metriken::ShardedCounterGroup;

use crate::names::threads;

/// A word on cache lines of its own: nothing else makes it slower.
#[derive(Default)]
#[repr(align(128))]
struct Word(AtomicU64);

pub(crate) fn rows(table: &mut Table) {
    let counter = Registry::new().counter("orders.accepted");
    for (id, count, goal) in [("I1", 1, 1.0), ("I2", 2, 0.30)] {
        let name =
            format!("counter by handle, {}, against one relaxed atomic word", threads(count));
        table.row(id, &name, goal, |effort| against_one_word(effort, count, &counter));
    }
    let sharded = ShardedCounterGroup::new(1);
    table.row(
        "I3",
        "counter by handle, 2 threads, against metriken's sharded counter",
        1.0,
        |effort| {
            effort.race(2, inc(&counter), |_| {
                black_box(&sharded).increment(0);
            })
        },
    );
}

/// What counting costs by any number of threads, against an atomic word that they all add to.
pub(crate) fn against_one_word(
    effort: &Effort,
    threads: usize,
    counter: &Counter,
) -> Result<Pair, String> {
    let word = Word::default();
    effort.race(threads, inc(counter), |_| {
        black_box(&word).0.fetch_add(1, Ordering::Relaxed);
    })
}

fn inc(counter: &Counter) -> impl Fn(usize) + Sync {
    move |_| black_box(counter).inc()
}
