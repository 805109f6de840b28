//! The reporter measured with our own instruments.

use std::sync::Mutex;

use apptuit_metrics::{Counter, Registry, Timer};

use super::Ledger;
use super::desk::lock;

/// How many points were sent, how long it took, and, if wanted, what became of all points.
pub(super) struct SelfMetrics {
    pub(super) registry: Registry,
    total: Counter,
    successful: Counter,
    failed: Counter,
    /// One recording a request, but for those with these very numbers.
    pub(super) time: Timer,
    /// The account as it was copied last; `None` if it is not wanted.
    copied: Option<Mutex<Ledger>>,
}

impl SelfMetrics {
    pub(super) fn new(with_ledger: bool) -> Self {
        let registry = Registry::new();
        Self {
            total: registry.counter("apptuit.reporter.send.total"),
            successful: registry.counter("apptuit.reporter.send.successful"),
            failed: registry.counter("apptuit.reporter.send.failed"),
            time: registry.timer("apptuit.reporter.send.time"),
            registry,
            copied: with_ledger.then(Mutex::default),
        }
    }

    /// The total is the sum of both. Their own traffic is not counted.
    pub(super) fn count(&self, successful: u64, failed: u64) {
        add(&self.total, successful + failed);
        add(&self.successful, successful);
        add(&self.failed, failed);
    }

    /// Brings the instruments up to the account: what only grows is a counter, what waits a gauge.
    pub(super) fn copy(&self, ledger: &Ledger) {
        let Some(copied) = &self.copied else { return };
        let before = std::mem::replace(&mut *lock(copied), *ledger);
        let counter = |name: &str, now: u64, before: u64| {
            let counter = self.registry.counter(format!("apptuit.reporter.ledger.{name}"));
            add(&counter, now.saturating_sub(before));
        };
        counter("recorded", ledger.recorded(), before.recorded());
        counter("delivered", ledger.delivered(), before.delivered());
        for (reason, points) in ledger.drops() {
            let name = ("apptuit.reporter.ledger.dropped", [("reason", reason.as_str())]);
            add(&self.registry.counter(name), points - before.dropped_for(reason));
        }
        let gauge = |name: &str, points: u64| {
            self.registry.gauge(format!("apptuit.reporter.ledger.{name}")).set(points as f64);
        };
        gauge("spooled", ledger.spooled());
        gauge("queued", ledger.queued());
    }
}

fn add(counter: &Counter, n: u64) {
    counter.inc_by(i64::try_from(n).unwrap_or(i64::MAX));
}
