//! Batches that wait for another time, within bounds.

use std::collections::VecDeque;

use super::DropReason;
use super::ledger::Books;
use super::pace::Pace;
use super::parcel::{Load, Parcel};
use super::spool::{NotKept, Spool};
use crate::Error;

/// What goes when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// What has waited longest: the latest points matter most.
    #[default]
    DropOldest,
    /// What comes: the beginning of an outage matters most.
    DropNewest,
}

/// How much waits in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub(super) points: u64,
    pub(super) bytes: u64,
    pub(super) on_full: OnFull,
}

/// What waits, the oldest first: on disk, and then in memory.
pub(super) struct Waiting {
    queue: VecDeque<Parcel>,
    pub(super) points: u64,
    bytes: u64,
    pub(super) spool: Option<Spool>,
    /// Whether the spool could not be written at the last try: told once.
    spool_fails: bool,
    pub(super) pace: Pace,
}

impl Waiting {
    pub(super) fn new(spool: Option<Spool>, pace: Pace) -> Self {
        Self { queue: VecDeque::new(), points: 0, bytes: 0, spool, spool_fails: false, pace }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.spool.as_ref().is_none_or(Spool::is_empty)
    }

    /// Forgets all of it, and closes the files.
    pub(super) fn abandon(&mut self) {
        self.queue.clear();
        (self.points, self.bytes, self.spool) = (0, 0, None);
    }

    pub(super) fn push_last(&mut self, parcel: Parcel) {
        self.points += parcel.points();
        self.bytes += parcel.bytes();
        self.queue.push_back(parcel);
    }

    pub(super) fn push_first(&mut self, parcel: Parcel) {
        self.points += parcel.points();
        self.bytes += parcel.bytes();
        self.queue.push_front(parcel);
    }

    pub(super) fn pop_first(&mut self) -> Option<Parcel> {
        let parcel = self.queue.pop_front()?;
        self.forget(&parcel);
        Some(parcel)
    }

    fn forget(&mut self, parcel: &Parcel) {
        self.points -= parcel.points();
        self.bytes -= parcel.bytes();
    }

    /// Moves what it can to disk, and drops what the queue may not hold.
    pub(super) fn enforce(&mut self, limits: &QueueLimits, books: &Books) -> Option<Error> {
        let trouble = self.spool_all(books);
        while self.points > limits.points || self.bytes > limits.bytes {
            let parcel = match limits.on_full {
                OnFull::DropOldest => self.queue.pop_front(),
                OnFull::DropNewest => self.queue.pop_back(),
            };
            let Some(parcel) = parcel else { break };
            self.forget(&parcel);
            books.settle_queued(0, parcel.points(), DropReason::QueueFull);
        }
        trouble
    }

    /// Moves the queue to disk; the error is told when this begins to fail.
    fn spool_all(&mut self, books: &Books) -> Option<Error> {
        let spool = self.spool.as_mut()?;
        while let Some(parcel) = self.queue.front() {
            // Other sinks than clients have no spool.
            let Load::Body(body) = &parcel.load else { break };
            match spool.keep(body, parcel.attempts) {
                Ok(()) => {}
                Err(NotKept::TooLarge) => {
                    books.settle_queued(0, body.points(), DropReason::SpoolFull);
                }
                Err(NotKept::Failed(error)) => {
                    let is_new = !std::mem::replace(&mut self.spool_fails, true);
                    return is_new.then_some(error);
                }
            }
            self.spool_fails = false;
            self.points -= parcel.points();
            self.bytes -= parcel.bytes();
            self.queue.pop_front();
        }
        None
    }
}
