//! The reporter measured with our own instruments.

use apptuit_metrics::{Counter, Registry, Timer};

/// How many points were sent, and how long it took. Their own traffic is not counted.
pub(super) struct SelfMetrics {
    pub(super) registry: Registry,
    total: Counter,
    successful: Counter,
    failed: Counter,
    /// One recording a request.
    pub(super) time: Timer,
}

impl SelfMetrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        Self {
            total: registry.counter("apptuit.reporter.send.total"),
            successful: registry.counter("apptuit.reporter.send.successful"),
            failed: registry.counter("apptuit.reporter.send.failed"),
            time: registry.timer("apptuit.reporter.send.time"),
            registry,
        }
    }

    /// The total is the sum of both.
    pub(super) fn count(&self, successful: u64, failed: u64) {
        let add = |counter: &Counter, n: u64| counter.inc_by(i64::try_from(n).unwrap_or(i64::MAX));
        add(&self.total, successful + failed);
        add(&self.successful, successful);
        add(&self.failed, failed);
    }
}
