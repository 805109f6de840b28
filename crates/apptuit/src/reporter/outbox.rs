//! Batches on their way: those being sent, those that wait in memory, and those on disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::Clock;
use apptuit_model::DataPoint;

use super::desk::{Desk, free, left, lock};
use super::ledger::Books;
use super::pace::Pace;
use super::parcel::{Delivered, Load, Parcel, is_kept};
use super::spool::Spool;
use super::waiting::{QueueLimits, Waiting};
use super::{DropReason, PointSink};
use crate::client::Interrupt;
use crate::error::Rejection;
use crate::{Client, Error, ErrorKind, RetryPolicy};

/// Within which bounds a delivery is tried.
pub(super) struct Trip<'t> {
    /// On the system's clock.
    pub(super) deadline: Duration,
    pub(super) interrupt: &'t Interrupt,
    /// Where the thread that delivers is told to stop; none if its caller waits as long as it takes.
    pub(super) desk: Option<&'t Arc<Desk>>,
}

pub(super) struct Outbox {
    sink: Arc<dyn PointSink>,
    books: Arc<Books>,
    limits: QueueLimits,
    clock: Arc<dyn Clock>,
    waiting: Mutex<Waiting>,
}

/// What a batch became, for the report it is of.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) kept: u64,
    pub(super) refused: u64,
    /// Not delivered now; some of it may wait for another time.
    pub(super) failed: u64,
    pub(super) rejected: Vec<Rejection>,
    pub(super) status: Option<u16>,
    pub(super) errors: Vec<Error>,
    /// What went wrong beside the delivery.
    pub(super) notices: Vec<Error>,
}

/// What a try to send something that waited came to.
pub(super) enum Replayed {
    /// Nothing waits.
    Nothing,
    /// A batch was settled: of its points these arrived, and the others were refused.
    Settled { delivered: u64 },
    /// The server fails, for this reason if it is known.
    Failed(Option<Error>),
}

impl Outbox {
    pub(super) fn new(
        sink: Arc<dyn PointSink>,
        spool: Option<Spool>,
        limits: QueueLimits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let books = spool.as_ref().map_or_else(|| Arc::new(Books::new()), Spool::books);
        let retry = sink.client().map_or_else(RetryPolicy::default, Client::retry_policy);
        let waiting = Waiting::new(spool, Pace::new(retry));
        Self { sink, books, limits, clock, waiting: Mutex::new(waiting) }
    }

    pub(super) fn books(&self) -> &Books {
        &self.books
    }

    /// The points that wait: on disk, those of processes that are gone among them, and in memory.
    pub(super) fn points_waiting(&self) -> (u64, u64) {
        let waiting = lock(&self.waiting);
        (waiting.spool.as_ref().map_or(0, Spool::points), waiting.points)
    }

    /// Makes parcels of points and records them. What can be in none is refused here; the index of a
    /// rejection is that of the point.
    pub(super) fn pack(&self, points: &Arc<Vec<DataPoint>>) -> (Vec<Parcel>, Vec<Rejection>) {
        let Some(client) = self.sink.client() else {
            self.books.record(points.len() as u64);
            return (vec![Parcel::new(Load::Points(Arc::clone(points)))], Vec::new());
        };
        let packed = client.pack(points);
        for body in &packed.bodies {
            self.books.record(body.points());
        }
        self.books.record_dropped(packed.refused, DropReason::Refused);
        let parcels = packed.bodies.into_iter().map(|body| Parcel::new(Load::Body(body)));
        (parcels.collect(), packed.rejected)
    }

    /// Tries to deliver a new parcel. What fails waits for another time, if there is any hope.
    pub(super) fn send(&self, parcel: &Parcel, trip: &Trip<'_>) -> Sent {
        let delivered = self.try_once(parcel, trip);
        self.note(None, &delivered);
        self.books.settle_queued(delivered.kept, delivered.refused, DropReason::Refused);
        let mut sent = Sent {
            kept: delivered.kept,
            refused: delivered.refused,
            rejected: delivered.rejected,
            status: delivered.status,
            ..Sent::default()
        };
        for (parcel, error) in delivered.failed {
            sent.failed += parcel.points();
            if is_kept(&error) {
                sent.notices.extend(self.keep(parcel));
            } else {
                self.books.settle_queued(0, parcel.points(), DropReason::Failed);
            }
            sent.errors.push(error);
        }
        sent
    }

    /// Lets a new parcel wait without a try.
    pub(super) fn put_aside(&self, parcel: Parcel, why: Error) -> Sent {
        let failed = parcel.points();
        Sent {
            failed,
            errors: vec![why],
            notices: self.keep(parcel).into_iter().collect(),
            ..Sent::default()
        }
    }

    /// How long the server has asked to be left alone, if it has.
    pub(super) fn asked_to_wait(&self) -> Option<Duration> {
        let asked = lock(&self.waiting).pace.asked(self.clock.now());
        (!asked.is_zero()).then_some(asked)
    }

    /// When something that waits may be sent; `None` if nothing waits.
    pub(super) fn next_replay(&self) -> Option<Duration> {
        let waiting = lock(&self.waiting);
        (!waiting.is_empty()).then(|| waiting.pace.not_before())
    }

    /// Forgets what waits, which is the parent's of this forked process, and closes its files.
    pub(super) fn abandon(&self) {
        // What a thread had its hands on when the process forked stays as it is, for good.
        if let Some(mut waiting) = free(&self.waiting) {
            waiting.abandon();
        }
        self.books.abandon();
    }

    /// Takes over what processes left behind that are gone.
    pub(super) fn look_for_orphans(&self) {
        if let Some(spool) = &mut lock(&self.waiting).spool {
            spool.adopt_now_and_then();
        }
    }

    /// Tries to deliver what has waited longest. What its caller should tell goes to `notices`.
    pub(super) fn replay(&self, trip: &Trip<'_>, notices: &mut Vec<Error>) -> Replayed {
        let started = self.clock.now();
        let taken = {
            let Waiting { spool, pace, .. } = &mut *lock(&self.waiting);
            let taken = spool.as_mut().and_then(|spool| spool.take(|error| notices.push(error)));
            let is_unreadable =
                taken.is_none() && spool.as_ref().is_some_and(|one| !one.is_empty());
            if let (true, Some(error)) = (is_unreadable, notices.last()) {
                // Not again at once.
                pace.failed(started, self.clock.timestamp(), error, fastrand::f64());
            }
            taken
        };
        let Some(taken) = taken else { return self.replay_queued(started, trip, notices) };
        let parcel = Parcel::new(Load::Body(taken.body.clone()));
        let mut delivered = self.try_once(&parcel, trip);
        let maybe_its_own = self.note(Some(started), &delivered);
        let mut waiting = lock(&self.waiting);
        let Some(spool) = &mut waiting.spool else { return Replayed::Nothing };
        if let Some(waits) = delivered.failed.iter().position(|(_, error)| is_kept(error)) {
            // All of it stays where it is, parts that have arrived among it: the server knows them.
            if maybe_its_own {
                spool.postpone(&taken);
            }
            return Replayed::Failed(Some(delivered.failed.swap_remove(waits).1));
        }
        let failed: u64 = delivered.failed.iter().map(|(parcel, _)| parcel.points()).sum();
        spool.settle(&taken, delivered.kept, delivered.refused, failed);
        notices.extend(refusal(&delivered));
        notices.extend(delivered.failed.into_iter().map(|(_, error)| error));
        Replayed::Settled { delivered: delivered.kept }
    }

    fn replay_queued(
        &self,
        started: Duration,
        trip: &Trip<'_>,
        notices: &mut Vec<Error>,
    ) -> Replayed {
        let Some(parcel) = lock(&self.waiting).pop_first() else { return Replayed::Nothing };
        let mut delivered = self.try_once(&parcel, trip);
        let maybe_its_own = self.note(Some(started), &delivered);
        notices.extend(refusal(&delivered));
        self.books.settle_queued(delivered.kept, delivered.refused, DropReason::Refused);
        let is_whole = delivered.kept + delivered.refused == 0 && delivered.failed.len() == 1;
        if is_whole && !maybe_its_own && is_kept(&delivered.failed[0].1) {
            let (parcel, error) = delivered.failed.remove(0);
            // It has its place back.
            let mut waiting = lock(&self.waiting);
            waiting.push_first(parcel);
            notices.extend(waiting.enforce(&self.limits, &self.books));
            return Replayed::Failed(Some(error));
        }
        let mut replayed = Replayed::Settled { delivered: delivered.kept };
        for (parcel, error) in delivered.failed {
            if is_kept(&error) {
                notices.extend(self.keep(parcel));
                replayed = Replayed::Failed(Some(error));
            } else {
                self.books.settle_queued(0, parcel.points(), DropReason::Failed);
                notices.push(error);
            }
        }
        replayed
    }

    fn try_once(&self, parcel: &Parcel, trip: &Trip<'_>) -> Delivered {
        let Some(desk) = trip.desk else {
            return parcel.deliver(&*self.sink, left(trip.deadline), trip.interrupt);
        };
        let (sink, interrupt) = (Arc::clone(&self.sink), trip.interrupt.clone());
        let (sent, deadline) = (parcel.clone(), trip.deadline);
        desk.wait_for(&self.clock, move || sent.deliver(&*sink, left(deadline), &interrupt))
            .unwrap_or_else(|| {
                let message = "there was no answer when the reporter had to stop";
                parcel.failure(Error::new(ErrorKind::Timeout, message))
            })
    }

    /// Lets the pace know how a try went, since when of something that `waited`; says whether a
    /// failure may be the batch's own.
    fn note(&self, waited: Option<Duration>, delivered: &Delivered) -> bool {
        let now = self.clock.now();
        let pace = &mut lock(&self.waiting).pace;
        if let Some((_, error)) = delivered.failed.iter().find(|(_, error)| is_kept(error)) {
            return pace.failed(now, self.clock.timestamp(), error, fastrand::f64());
        }
        let took = waited.map(|started| now.saturating_sub(started));
        pace.delivered(now, took, fastrand::f64());
        false
    }

    /// Lets a parcel wait: on disk if there is a spool that can be written, or else in memory.
    fn keep(&self, parcel: Parcel) -> Option<Error> {
        let mut waiting = lock(&self.waiting);
        waiting.push_last(parcel);
        waiting.enforce(&self.limits, &self.books)
    }
}

/// Points that were refused long after they were reported.
fn refusal(delivered: &Delivered) -> Option<Error> {
    (delivered.refused > 0)
        .then(|| Error::refusal(delivered.kept, delivered.refused, delivered.rejected.clone()))
}
