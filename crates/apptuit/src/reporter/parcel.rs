//! A batch on its way, and one try to deliver it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use apptuit_model::DataPoint;

use super::{PointSink, panicked};
use crate::client::{Body, Interrupt};
use crate::error::Rejection;
use crate::{Error, ErrorKind};

/// Bytes of a point in memory beside the texts of its name, roughly.
const POINT_BYTES: usize = 160;

/// Points that are delivered, kept and lost together.
#[derive(Clone)]
pub(super) struct Parcel {
    pub(super) load: Load,
    /// How often its delivery was tried.
    pub(super) attempts: u32,
}

/// What a sink takes: a client takes bodies, which are made once and can wait on a disk.
#[derive(Clone)]
pub(super) enum Load {
    Body(Body),
    Points(Arc<Vec<DataPoint>>),
}

/// What became of a parcel.
#[derive(Default)]
pub(super) struct Delivered {
    pub(super) kept: u64,
    pub(super) refused: u64,
    /// What the server has not judged, with the reason: all of it, or parts.
    pub(super) failed: Vec<(Parcel, Error)>,
    /// Which points were refused; the index is the place in the parcel.
    pub(super) rejected: Vec<Rejection>,
    pub(super) status: Option<u16>,
}

impl Parcel {
    pub(super) fn new(load: Load) -> Self {
        Self { load, attempts: 0 }
    }

    pub(super) fn points(&self) -> u64 {
        match &self.load {
            Load::Body(body) => body.points(),
            Load::Points(points) => points.len() as u64,
        }
    }

    /// What it occupies in memory.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = match &self.load {
            Load::Body(body) => body.bytes().len(),
            Load::Points(points) => {
                points.iter().map(|point| point.metric().len() + POINT_BYTES).sum()
            }
        };
        bytes as u64
    }

    /// Tries to deliver it within `budget`. A sink that panics has failed with this parcel.
    pub(super) fn deliver(
        &self,
        sink: &dyn PointSink,
        budget: Duration,
        interrupt: &Interrupt,
    ) -> Delivered {
        let delivery = AssertUnwindSafe(|| match (&self.load, sink.client()) {
            (Load::Body(body), Some(client)) => {
                self.judged(client.deliver(body, budget.min(client.timeout()), interrupt))
            }
            (Load::Body(_), None) => {
                let error = Error::new(ErrorKind::Configuration, "the sink takes no bodies");
                self.failure(error)
            }
            (Load::Points(points), _) => match sink.deliver_until(points, interrupt) {
                Ok(()) => Delivered { kept: self.points(), ..Delivered::default() },
                Err(error) => self.failure(error),
            },
        });
        catch_unwind(delivery).unwrap_or_else(|panic| self.failure(panicked(&*panic)))
    }

    /// It was not delivered, for this reason.
    pub(super) fn failure(&self, mut error: Error) -> Delivered {
        // A sink that counts nothing took nothing.
        let (kept, refused) = match (error.succeeded(), error.failed()) {
            (0, 0) => (0, 0),
            (kept, refused) => (kept.min(self.points()), refused),
        };
        let refused = refused.min(self.points() - kept);
        if kept + refused == 0 || error.is_retryable() {
            let parcel = Self { attempts: self.attempts.saturating_add(1), ..self.clone() };
            return Delivered { failed: vec![(parcel, error)], ..Delivered::default() };
        }
        let (status, rejected) = (error.status(), error.take_rejected());
        Delivered { kept, refused: self.points() - kept, failed: Vec::new(), rejected, status }
    }

    fn judged(&self, delivery: crate::client::Delivery) -> Delivered {
        let attempts = self.attempts.saturating_add(1);
        let failed = delivery.failures.into_iter();
        let failed = failed
            .map(|failure| (Self { load: Load::Body(failure.body), attempts }, failure.error));
        Delivered {
            kept: delivery.kept,
            refused: delivery.refused,
            failed: failed.collect(),
            rejected: delivery.rejected,
            status: delivery.status,
        }
    }
}

/// Whether what failed so is kept for another time: always, unless it is about the points.
///
/// More than a client retries within one call: a certificate that has run out, a token that is
/// not known yet or a proxy's page are outages, too, if longer ones.
pub(super) fn is_kept(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Server
        | ErrorKind::Unreachable
        | ErrorKind::Timeout
        | ErrorKind::Tls
        | ErrorKind::Unauthorized
        | ErrorKind::Answer => true,
        ErrorKind::Configuration
        | ErrorKind::Rejected
        | ErrorKind::TooLarge
        | ErrorKind::Query
        | ErrorKind::Panicked
        | ErrorKind::Spool => false,
    }
}
