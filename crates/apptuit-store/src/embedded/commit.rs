//! Group commit: the appends that wait become one transaction and one sync, then all are answered.
//!
//! One thread owns the connection that writes. While it syncs, the next group gathers in the
//! [queue](super::queue). Other work on the file is done by the same thread between two groups, in
//! pieces that do not keep appends waiting for long.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::chunks::Row;
use super::group::{blobs, write_batches, write_series};
use super::lock::Lock;
use super::month::Month;
use super::queue::Append;
use super::room::Room;
use super::shared::Shared;
use super::{keys, schema};
use crate::{Kept, StoreError};

/// Pages of the write-ahead file from which on it is moved into the database, 4 MiB. Appends wait while
/// it is.
const CHECKPOINT_PAGES: i32 = 250;
/// What a page takes in the write-ahead file.
const FRAME_BYTES: u64 = 24 + schema::PAGE_BYTES as u64;
/// Moves all of the write-ahead file into the database.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// The one thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    /// By number, whether the file has the name of a series. It is asked for every point.
    named: Vec<bool>,
    /// Pages of the write-ahead file, as of the last commit.
    wal_pages: Arc<AtomicI32>,
    room: Room,
    shared: Arc<Shared>,
    /// Let go after the connection, which stands before it.
    _lock: Lock,
}

/// Whoever waits when the writer ends, also by a panic, is told that nobody will answer.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.clear();
    }
}

impl Writer {
    pub(super) fn new(
        mut connection: Connection,
        shared: Arc<Shared>,
        lock: Lock,
    ) -> rusqlite::Result<Self> {
        let wal_pages = Arc::new(AtomicI32::new(0));
        let pages = Arc::clone(&wal_pages);
        // In place of SQLite's own checkpoints, which pass over a sync that failed.
        connection.wal_hook(Some(move |_: &mut Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        }))?;
        let mut named = Vec::new();
        {
            let names = shared.names();
            named.extend((0..=names.highest()).map(|number| names.is_published(number)));
        }
        let room = Room::beside(&shared.file);
        Ok(Self { connection, named, wal_pages, room, shared, _lock: lock })
    }

    /// Does what comes until the queue is closed, then makes one file of the two.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        while let Some(turn) = self.shared.queue.take() {
            if !turn.appends.is_empty() {
                self.append(turn.appends);
            }
            if let Some(job) = turn.job {
                job(&mut self);
            }
            // Whoever waited has been answered.
            let pages = self.wal_pages.load(Ordering::Relaxed);
            if pages >= CHECKPOINT_PAGES {
                self.wal_pages.store(0, Ordering::Relaxed);
                // A failure ends all writing, and the next who writes is told of it.
                let _ = self.tidy("checkpoint", "PRAGMA wal_checkpoint(PASSIVE)");
            } else if pages > 0 {
                let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * FRAME_BYTES;
                self.room.after(bytes(pages), bytes(CHECKPOINT_PAGES));
            }
        }
        if self.shared.writable().is_ok() {
            self.tidy("close", TRUNCATE)?;
        }
        Ok(())
    }

    /// Does something to the file as a whole. An error ends all writing, as one of a transaction does.
    fn tidy(&self, doing: &'static str, sql: &str) -> Result<(), StoreError> {
        self.shared.writable()?;
        let run = || {
            let mut statement = self.connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        run().map_err(|error| self.failed(doing, error))
    }

    /// What an error says; unless another process is in the way, writing ends with it.
    fn failed(&self, doing: &'static str, error: rusqlite::Error) -> StoreError {
        if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
            return StoreError::Busy;
        }
        let (since, cause) = (self.shared.clock.now(), error.to_string());
        self.shared.refusal.get_or_init(|| StoreError::Poisoned { since, cause });
        schema::from_sqlite(&self.shared.file, doing, error)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The same, for use while the writer writes.
    pub(super) fn shared_arc(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Gives pages that are free back to the file system, at most `count`.
    pub(super) fn shrink(&self, count: u32) -> Result<(), StoreError> {
        self.tidy("shrink", &format!("PRAGMA incremental_vacuum({count})"))
    }

    /// Writes the whole file anew, as small as it can be.
    pub(super) fn vacuum(&mut self) -> Result<(), StoreError> {
        self.shared.writable()?;
        self.room.forget();
        schema::shape(&self.connection).map_err(|error| self.failed("shrink", error))?;
        self.tidy("shrink", "VACUUM")?;
        self.tidy("shrink", TRUNCATE)
    }

    fn append(&mut self, appends: Vec<Append>) {
        let outcome = self.commit(&appends);
        for (at, append) in appends.into_iter().enumerate() {
            let verdict = match &outcome {
                Ok(verdicts) => verdicts.get(at).cloned().unwrap_or(Ok(Kept::Now)),
                Err(error) => Err(error.clone()),
            };
            (append.answer)(verdict);
        }
    }

    /// What became of each append.
    fn commit(&mut self, appends: &[Append]) -> Result<Vec<Result<Kept, StoreError>>, StoreError> {
        let (shared, now) = (Arc::clone(&self.shared), self.shared.clock.now());
        // Out of the way, since the transaction takes all of the writer.
        let named = std::mem::take(&mut self.named);
        let written = self.transaction_on(iter::empty(), "commit points to", |transaction| {
            let verdicts = keys::keep(transaction, appends, now)?;
            let kept = appends.iter().zip(&verdicts).filter(|(_, v)| matches!(v, Ok(Kept::Now)));
            let kept: Vec<_> = kept.map(|(append, _)| append.points.columns()).collect();
            let new = write_series(transaction, &shared, &named, &kept)?;
            let blobs = blobs(&kept);
            Ok((new, write_batches(transaction, &shared, blobs)?, verdicts))
        });
        self.named = named;
        let (new, blobs, verdicts) = written?;
        // What is visible is durable: readers see the points only now.
        if !new.is_empty() {
            let mut names = shared.names_mut();
            let highest = names.highest() as usize;
            self.named.resize(self.named.len().max(highest + 1), false);
            for number in new {
                self.set_named(number, true);
                names.publish(number);
            }
        }
        let mut head = shared.head_mut();
        for (id, parts, bytes) in blobs {
            for part in parts {
                head.add(part, id);
            }
            shared.ahead().push(id, bytes, now);
        }
        drop(head);
        let kept = verdicts.iter().filter(|verdict| matches!(verdict, Ok(Kept::Now))).count();
        shared.commits.fetch_add(1, Ordering::Relaxed);
        shared.appends.fetch_add(kept as u64, Ordering::Relaxed);
        Ok(verdicts)
    }

    /// Remembers whether the file has the name of a series.
    pub(super) fn set_named(&mut self, number: u32, named: bool) {
        if let Some(slot) = self.named.get_mut(number as usize) {
            *slot = named;
        }
    }

    /// Runs one transaction, which may change any chunk. An error ends all writing: what the disk
    /// holds then is known only by reading it.
    pub(super) fn transaction<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let _change = shared.chunks.change_all();
        self.run_transaction(doing, work)
    }

    /// Runs one transaction, which changes no chunks but those of these series and months.
    pub(super) fn transaction_on<T>(
        &mut self,
        changed: impl Iterator<Item = (u32, Month)>,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let _change = shared.chunks.change(changed);
        self.run_transaction(doing, work)
    }

    /// Runs one transaction, which changes no chunks, but adds some.
    pub(super) fn transaction_adding<T>(
        &mut self,
        rows: &[Row],
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let change = shared.chunks.change(rows.iter().map(|row| (row.series, row.month)));
        let done = self.run_transaction(doing, work)?;
        change.added(rows);
        Ok(done)
    }

    fn run_transaction<T>(
        &mut self,
        doing: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.shared.writable()?;
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        // A tool that writes to the file holds it up, and does no harm.
        if let Err(error) = &begun
            && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
        {
            return Err(StoreError::Busy);
        }
        let done = begun.and_then(|transaction| {
            let done = work(&transaction)?;
            transaction.commit().map(|()| done)
        });
        done.map_err(|error| self.failed(doing, error))
    }
}
