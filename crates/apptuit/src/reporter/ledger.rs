//! What became of every point: recorded = delivered + spooled + queued + dropped, at every instant.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::desk::free;
use super::spool::LedgerFile;
use crate::Result;

/// The account of a reporter's points.
///
/// At every instant `recorded = delivered + spooled + queued + dropped`: a point is in exactly one
/// of the four places. The points about the reporter itself are counted like all others.
///
/// Without a spool the account begins with the reporter. With one it is kept there and goes on
/// where the last process of the same spool left off; what that one held only in memory when it was
/// killed is dropped, with [`DropReason::Crash`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub(super) recorded: u64,
    pub(super) delivered: u64,
    pub(super) spooled: u64,
    pub(super) queued: u64,
    pub(super) dropped: [u64; DropReason::ALL.len()],
}

/// Why a point is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Its value is infinite or not a number, as that of a gauge that was never set.
    NotFinite,
    /// Its instrument has an unreadable name, or the instrument's function panicked.
    Unreadable,
    /// The client or the server refused it.
    Refused,
    /// Its delivery failed for good.
    Failed,
    /// The queue in memory was full.
    QueueFull,
    /// The spool was full.
    SpoolFull,
    /// It waited longer than it may.
    TooOld,
    /// Its file in the spool is damaged or gone.
    Damaged,
    /// Its process ended while it was in memory only.
    Crash,
}

impl Ledger {
    /// The points there were.
    pub fn recorded(&self) -> u64 {
        self.recorded
    }

    /// The points the server has acknowledged.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The points that wait on disk.
    pub fn spooled(&self) -> u64 {
        self.spooled
    }

    /// The points that wait in memory, or are being sent from there.
    pub fn queued(&self) -> u64 {
        self.queued
    }

    /// The points that are gone, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The points that are gone for this reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// The reasons for which points are gone, with how many.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        let all = DropReason::ALL.into_iter().map(|reason| (reason, self.dropped_for(reason)));
        all.filter(|(_, points)| *points > 0)
    }

    /// Both accounts in one, as of the drawers of a spool.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.recorded += other.recorded;
        self.delivered += other.delivered;
        self.spooled += other.spooled;
        self.queued += other.queued;
        for (sum, more) in self.dropped.iter_mut().zip(other.dropped) {
            *sum += more;
        }
        self
    }

    /// Makes an account that was read from disk agree with the `points` of the files beside it.
    ///
    /// Files are written and removed in an order that makes every disagreement one of memory that
    /// was lost, but for two: after a power cut the account may be older than the files, and files
    /// may have been taken away by hand.
    pub(super) fn settle(&mut self, points: u64) {
        let in_memory = self.queued;
        let accounted = self.delivered + self.dropped() + points;
        // What was spooled when the account was written, and then was neither found nor delivered.
        let missing = self.recorded.saturating_sub(accounted);
        self.recorded = self.recorded.max(accounted);
        self.spooled = points;
        self.queued = 0;
        self.dropped[DropReason::Crash as usize] += missing.min(in_memory);
        self.dropped[DropReason::Damaged as usize] += missing.saturating_sub(in_memory);
    }
}

/// Like `12 recorded = 7 delivered + 3 spooled + 0 queued + 2 dropped (2 refused)`.
impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} recorded = {} delivered + {} spooled + {} queued + {} dropped",
            self.recorded,
            self.delivered,
            self.spooled,
            self.queued,
            self.dropped()
        )?;
        for (n, (reason, points)) in self.drops().enumerate() {
            write!(f, "{}{points} {reason}", if n == 0 { " (" } else { ", " })?;
        }
        if self.dropped() > 0 { f.write_str(")") } else { Ok(()) }
    }
}

impl DropReason {
    /// Every reason there is.
    pub const ALL: [Self; 9] = [
        Self::NotFinite,
        Self::Unreadable,
        Self::Refused,
        Self::Failed,
        Self::QueueFull,
        Self::SpoolFull,
        Self::TooOld,
        Self::Damaged,
        Self::Crash,
    ];

    /// Its name in metrics, files and what the command prints: `queue_full`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::QueueFull => "queue_full",
            Self::SpoolFull => "spool_full",
            Self::TooOld => "too_old",
            Self::Damaged => "damaged",
            Self::Crash => "crash",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A ledger that is written to: every entry moves points from one place to another.
pub(super) struct Books(Mutex<Inner>);

struct Inner {
    ledger: Ledger,
    file: Option<LedgerFile>,
}

impl Books {
    /// Books in memory only.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { ledger: Ledger::default(), file: None }))
    }

    /// The books kept in `path`, made to agree with the `points` of the files beside them.
    pub(super) fn open(mut file: LedgerFile, points: u64) -> Result<Self> {
        let mut ledger = file.ledger();
        ledger.settle(points);
        file.write(&ledger)?;
        Ok(Self(Mutex::new(Inner { ledger, file: Some(file) })))
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ledger
    }

    /// Leaves the account on disk to the parent of this forked process.
    pub(super) fn abandon(&self) {
        if let Some(mut inner) = free(&self.0) {
            inner.file = None;
        }
    }

    /// New points, in memory.
    pub(super) fn record(&self, points: u64) {
        self.enter(|ledger| {
            ledger.recorded += points;
            ledger.queued += points;
        });
    }

    /// New points that are gone already.
    pub(super) fn record_dropped(&self, points: u64, reason: DropReason) {
        if points > 0 {
            self.enter(|ledger| {
                ledger.recorded += points;
                ledger.dropped[reason as usize] += points;
            });
        }
    }

    /// Points left memory: some arrived, the others are gone.
    pub(super) fn settle_queued(&self, delivered: u64, dropped: u64, reason: DropReason) {
        self.enter(|ledger| {
            ledger.queued -= delivered + dropped;
            ledger.delivered += delivered;
            ledger.dropped[reason as usize] += dropped;
        });
    }

    /// Points went from memory to disk.
    pub(super) fn spool(&self, points: u64) {
        self.enter(|ledger| {
            ledger.queued -= points;
            ledger.spooled += points;
        });
    }

    /// The points of file `number` arrived, or are gone for these reasons. It may be removed only
    /// after this.
    pub(super) fn settle_spooled(&self, number: u64, delivered: u64, drops: &[(DropReason, u64)]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut inner.file {
            file.set_settled(number);
        }
        inner.ledger.spooled -= delivered;
        inner.ledger.delivered += delivered;
        for (reason, points) in drops {
            inner.ledger.spooled -= points;
            inner.ledger.dropped[*reason as usize] += points;
        }
        inner.write();
    }

    fn enter(&self, entry: impl FnOnce(&mut Ledger)) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entry(&mut inner.ledger);
        inner.write();
    }
}

impl Inner {
    /// An account that cannot be written stays true in memory; the next opening makes the one on
    /// disk agree with the files again.
    fn write(&mut self) {
        if let Some(file) = &mut self.file {
            let _ = file.write(&self.ledger);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_balanced(ledger: &Ledger) -> bool {
        ledger.recorded == ledger.delivered + ledger.spooled + ledger.queued + ledger.dropped()
    }

    #[test]
    fn an_account_reads_as_an_equation() {
        let books = Books::new();
        books.record(10);
        books.record_dropped(2, DropReason::NotFinite);
        books.settle_queued(6, 1, DropReason::Refused);
        books.spool(2);
        let ledger = books.ledger();
        assert!(is_balanced(&ledger));
        assert_eq!(
            ledger.to_string(),
            "12 recorded = 6 delivered + 2 spooled + 1 queued + 3 dropped (2 not_finite, 1 refused)"
        );
    }

    #[test]
    fn what_a_killed_process_held_in_memory_is_dropped_as_a_crash() {
        let mut ledger =
            Ledger { recorded: 100, delivered: 50, spooled: 30, queued: 20, ..Ledger::default() };
        ledger.settle(30);
        assert!(is_balanced(&ledger));
        assert_eq!((ledger.queued(), ledger.dropped_for(DropReason::Crash)), (0, 20));
    }

    #[test]
    fn a_file_the_account_does_not_know_yet_was_in_memory_before() {
        let mut ledger = Ledger { recorded: 100, delivered: 80, queued: 20, ..Ledger::default() };
        ledger.settle(15);
        assert!(is_balanced(&ledger));
        assert_eq!((ledger.spooled(), ledger.dropped_for(DropReason::Crash)), (15, 5));
    }

    #[test]
    fn files_that_are_gone_and_files_nobody_recorded_leave_the_account_balanced() {
        let before = Ledger { recorded: 10, spooled: 10, ..Ledger::default() };
        for found in [0, 4, 10, 25] {
            let mut ledger = before;
            ledger.settle(found);
            assert!(is_balanced(&ledger), "{found}: {ledger}");
            assert_eq!(ledger.spooled(), found);
            assert_eq!(ledger.dropped_for(DropReason::Damaged), 10_u64.saturating_sub(found));
        }
    }
}
