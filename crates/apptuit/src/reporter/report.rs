//! One report: instruments become points, points become batches, failures become errors.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::collect::{Skipped, collect_each};
use apptuit_metrics::{Clock, Timer};
use apptuit_model::{DataPoint, Tags, Timestamp};

use super::desk::lock;
use super::outbox::{Outbox, Sent, Trip};
use super::self_metrics::SelfMetrics;
use super::{DropReason, MetricSource, PointSink, ProcessMetrics};
use crate::error::Rejection;
use crate::{Error, ErrorKind};

/// All that a report needs to know.
pub(super) struct Report {
    pub(super) source: Arc<dyn MetricSource>,
    pub(super) sink: Arc<dyn PointSink>,
    pub(super) outbox: Outbox,
    pub(super) labels: Mutex<Labels>,
    pub(super) interval: Mutex<Duration>,
    pub(super) batch_points: usize,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) process_metrics: Option<ProcessMetrics>,
    pub(super) self_metrics: SelfMetrics,
}

/// What all points have in common.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    /// In front of their names.
    pub(super) prefix: String,
    /// Under their own.
    pub(super) tags: Tags,
}

/// What is reported.
#[derive(Clone, Copy)]
pub(super) struct Subject<'s> {
    pub(super) source: &'s dyn MetricSource,
    /// The instant its points are of; `None` is now.
    pub(super) instant: Option<Timestamp>,
}

/// Why there is a report now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The interval is over. A server that asked to be left alone is.
    Interval,
    /// Someone asked for it, or it is the last one.
    Asked,
}

/// How a report went.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) successful: u64,
    pub(super) failed: u64,
    pub(super) errors: Vec<Error>,
    /// What went wrong beside the sending of this report's points, and that of the numbers about it:
    /// told, but no failure of the report.
    pub(super) notices: Vec<Error>,
}

impl Report {
    pub(super) fn interval(&self) -> Duration {
        *lock(&self.interval)
    }

    /// What points have in common now.
    pub(super) fn labels(&self) -> Labels {
        lock(&self.labels).clone()
    }

    /// What the reporter is for.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject { source: &*self.source, instant: None }
    }

    /// Sends what the source has, and then the numbers about this sending.
    pub(super) fn run(&self, subject: Subject<'_>, occasion: Occasion, trip: &Trip<'_>) -> Outcome {
        let now = self.timestamp();
        let timestamp = subject.instant.unwrap_or(now);
        let Labels { prefix, .. } = self.labels();
        let mut outcome = Outcome::default();
        let (mut batch, timer) = (Vec::new(), &self.self_metrics.time);
        let mut add = |point| {
            batch.push(point);
            if batch.len() == self.batch_points {
                self.send(&mut batch, Some(timer), occasion, trip, &mut outcome);
            }
        };
        let left = subject.source.collect(&prefix, timestamp, &mut add);
        if let Some(metrics) = &self.process_metrics {
            metrics.points(&prefix, timestamp).into_iter().for_each(&mut add);
        }
        let books = self.outbox.books();
        books.record_dropped(left.non_finite, DropReason::NotFinite);
        books.record_dropped(left.skipped.len() as u64, DropReason::Unreadable);
        self.send(&mut batch, Some(timer), occasion, trip, &mut outcome);
        outcome.skip(&left.skipped);
        if outcome.is_empty() {
            return outcome;
        }
        self.self_metrics.count(outcome.successful, outcome.failed);

        self.self_metrics.copy(&books.ledger());
        let mut own = Vec::new();
        collect_each(&self.self_metrics.registry, &prefix, now, |point| own.push(point));
        let mut about = Outcome::default();
        self.send(&mut own, None, occasion, trip, &mut about);
        outcome.notices.extend(about.errors);
        outcome.notices.extend(about.notices);
        outcome
    }

    /// Sends the points of `batch`, and leaves it empty. Requests are timed, if there is a timer.
    fn send(
        &self,
        batch: &mut Vec<DataPoint>,
        timer: Option<&Timer>,
        occasion: Occasion,
        trip: &Trip<'_>,
        outcome: &mut Outcome,
    ) {
        if batch.is_empty() {
            return;
        }
        let points = Arc::new(self.tagged(batch.drain(..)));
        let (parcels, stayed) = self.outbox.pack(&points);
        let mut batch = Batch { stayed: stayed.len() as u64, ..Batch::default() };
        for parcel in parcels {
            let length = parcel.points();
            let asked = (occasion == Occasion::Interval).then(|| self.outbox.asked_to_wait());
            let send = || self.outbox.send(&parcel, trip);
            let sent = if let Some(pause) = asked.flatten() {
                let seconds = pause.as_secs_f64().ceil();
                let message = format!("the server asked to be left alone for another {seconds} s");
                self.outbox.put_aside(parcel, Error::new(ErrorKind::Server, message))
            } else {
                timer.map_or_else(send, |timer| timer.time(send))
            };
            batch.take(sent, length);
        }
        outcome.notices.append(&mut batch.notices);
        outcome.successful += batch.kept;
        outcome.failed += batch.failed + batch.stayed;
        outcome.errors.extend(batch.into_error(stayed, &points));
    }

    /// Now; in whole seconds unless reports come faster than that.
    fn timestamp(&self) -> Timestamp {
        let now = self.clock.timestamp();
        let is_whole = self.interval() >= Duration::from_secs(1);
        if is_whole { Timestamp::from_secs(now.as_secs()) } else { now }
    }

    /// The reporter's tags, but for those whose key becomes one of the metric's by cleaning: the
    /// metric's tag wins.
    fn tags_under(&self, tags: &Tags, own: &Tags) -> Tags {
        tags.filtered(|key| {
            let clean = self.sink.clean_key(key);
            own.get(key).is_some() || own.iter().all(|(own, _)| self.sink.clean_key(own) != clean)
        })
    }

    /// The points with the reporter's tags under their own.
    fn tagged(&self, points: impl Iterator<Item = DataPoint>) -> Vec<DataPoint> {
        let Labels { tags, .. } = self.labels();
        // Fields of one instrument stand together and share their tags.
        let mut last: Option<(Tags, Tags)> = None;
        let tag = |point: DataPoint| {
            let merged = match &last {
                Some((own, merged)) if own == point.tags() => merged.clone(),
                _ => {
                    let merged = point.tags().merged_over(&self.tags_under(&tags, point.tags()));
                    last = Some((point.tags().clone(), merged.clone()));
                    merged
                }
            };
            let name = point.name().with_tags(merged);
            point.renamed(name)
        };
        points.map(tag).collect()
    }
}

/// What became of the parcels of one batch, which is one failure if it is one.
#[derive(Default)]
struct Batch {
    /// Points of the parcels so far.
    points: usize,
    kept: u64,
    failed: u64,
    /// Points that are in no parcel.
    stayed: u64,
    status: Option<u16>,
    rejected: Vec<Rejection>,
    errors: Vec<Error>,
    notices: Vec<Error>,
}

impl Batch {
    fn take(&mut self, sent: Sent, length: u64) {
        let offset = self.points;
        self.points += usize::try_from(length).unwrap_or(usize::MAX);
        self.kept += sent.kept;
        self.failed += sent.refused + sent.failed;
        self.status = self.status.or(sent.status);
        self.rejected.extend(sent.rejected.into_iter().map(|one| one.moved_by(offset)));
        self.errors.extend(sent.errors);
        self.notices.extend(sent.notices);
    }

    /// All that failed, under the names of the reporter.
    fn into_error(mut self, stayed: Vec<Rejection>, points: &[DataPoint]) -> Option<Error> {
        let failed = self.failed + self.stayed;
        if failed == 0 {
            return None;
        }
        // How many points went out before each that stayed here.
        let places = stayed.iter().enumerate();
        let places: Vec<_> = places.filter_map(|(n, one)| Some(one.index()? - n)).collect();
        for rejection in &mut self.rejected {
            if let Some(place) = rejection.index() {
                let index = place + places.partition_point(|before| *before <= place);
                let name = points.get(index).map_or(rejection.name(), DataPoint::name).clone();
                rejection.called(index, name);
            }
        }
        self.rejected.extend(stayed);
        self.rejected.sort_by_key(|rejection| rejection.index().unwrap_or(usize::MAX));
        let error = match Error::joined(self.errors, self.kept, failed) {
            Some(error) if self.rejected.is_empty() => error,
            Some(error) => error.with_rejected(self.rejected),
            None => Error::refusal(self.kept, failed, self.rejected),
        };
        Some(match self.status {
            Some(status) if error.status().is_none() => error.with_status(status),
            _ => error,
        })
    }
}

impl Outcome {
    fn is_empty(&self) -> bool {
        self.successful + self.failed == 0
    }

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
}
