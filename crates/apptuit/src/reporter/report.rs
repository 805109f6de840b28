//! One report: instruments become points, points become batches, failures become errors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use apptuit_metrics::collect::{Skipped, collect};
use apptuit_metrics::{Clock, Registry};
use apptuit_model::{DataPoint, Tags, Timestamp};

use super::self_metrics::SelfMetrics;
use super::{PointSink, panicked};
use crate::client::Interrupt;
use crate::error::Rejection;
use crate::{Error, Result};

/// All that a report needs to know.
pub(super) struct Report {
    pub(super) registry: Registry,
    pub(super) sink: Box<dyn PointSink>,
    pub(super) prefix: String,
    pub(super) tags: Tags,
    pub(super) batch_points: usize,
    pub(super) whole_seconds: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) self_metrics: SelfMetrics,
}

/// How a report went.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) successful: u64,
    pub(super) failed: u64,
    pub(super) errors: Vec<Error>,
    /// The failure to send the numbers about this sending: told, but no failure of the report.
    pub(super) own_error: Option<Error>,
}

impl Report {
    /// Sends what the registry holds, and then the numbers about this sending.
    pub(super) fn run(&self, interrupt: &Interrupt) -> Outcome {
        let timestamp = self.timestamp();
        let collected = collect(&self.registry, &self.prefix, timestamp);
        let mut outcome = Outcome::default();
        if collected.points.is_empty() && collected.skipped.is_empty() {
            return outcome;
        }
        outcome.skip(&collected.skipped);
        let points = self.tagged(collected.points);
        for batch in points.chunks(self.batch_points) {
            let delivered = self.self_metrics.time.time(|| self.deliver(batch, interrupt));
            outcome.take(batch.len() as u64, delivered);
        }
        self.self_metrics.count(outcome.successful, outcome.failed);

        let own = collect(&self.self_metrics.registry, &self.prefix, timestamp);
        let own = self.tagged(own.points);
        outcome.own_error = self.deliver(&own, interrupt).err();
        outcome
    }

    /// A sink that panics has failed with this batch, and is asked again for the next.
    fn deliver(&self, batch: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        let delivery = AssertUnwindSafe(|| self.sink.deliver_until(batch, interrupt));
        catch_unwind(delivery).unwrap_or_else(|panic| Err(panicked(&*panic)))
    }

    /// Now; in whole seconds unless reports come faster than that.
    fn timestamp(&self) -> Timestamp {
        let now = self.clock.timestamp();
        if self.whole_seconds { Timestamp::from_secs(now.as_secs()) } else { now }
    }

    /// The reporter's tags, but for those whose key becomes one of the metric's by cleaning: the
    /// metric's tag wins.
    fn tags_under(&self, own: &Tags) -> Tags {
        self.tags.filtered(|key| {
            let clean = self.sink.clean_key(key);
            own.get(key).is_some() || own.iter().all(|(own, _)| self.sink.clean_key(own) != clean)
        })
    }

    /// The points with the reporter's tags under their own.
    fn tagged(&self, points: Vec<DataPoint>) -> Vec<DataPoint> {
        // Fields of one instrument stand together and share their tags.
        let mut last: Option<(Tags, Tags)> = None;
        let tag = |point: DataPoint| {
            let merged = match &last {
                Some((own, merged)) if own == point.tags() => merged.clone(),
                _ => {
                    let merged = point.tags().merged_over(&self.tags_under(point.tags()));
                    last = Some((point.tags().clone(), merged.clone()));
                    merged
                }
            };
            let name = point.name().with_tags(merged);
            point.renamed(name)
        };
        points.into_iter().map(tag).collect()
    }
}

impl Outcome {
    /// Metrics that could not become points.
    fn skip(&mut self, skipped: &[Skipped]) {
        if skipped.is_empty() {
            return;
        }
        let rejection =
            |metric: &Skipped| Rejection::new(None, metric.name.as_str(), metric.reason.as_str());
        let rejected: Vec<_> = skipped.iter().map(rejection).collect();
        let failed = rejected.len() as u64;
        self.failed += failed;
        self.errors.push(Error::refusal(0, failed, rejected));
    }

    /// What became of a batch of `points`.
    fn take(&mut self, points: u64, delivered: crate::Result<()>) {
        let Err(error) = delivered else {
            self.successful += points;
            return;
        };
        // A sink that counts nothing took nothing.
        let (successful, failed) = match (error.succeeded(), error.failed()) {
            (0, 0) => (0, points),
            counts => counts,
        };
        self.successful += successful;
        self.failed += failed;
        self.errors.push(error.with_counts(successful, failed));
    }
}
