//! Group commit: the appends that wait become one transaction and one sync, then all are answered.
//!
//! One thread owns the connection. While it syncs, the next group gathers in the queue: the time a
//! sync takes forms the groups, and no timer does.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use apptuit_model::{TimeSeriesName, Timestamp};
use rusqlite::Connection;

use super::batch::{self, MAX_POINTS, NumberedPoint};
use super::head::Head;
use super::names::Names;
use super::{name, schema};
use crate::{IdempotencyKey, Kept, Points, StoreError};

/// Points to keep, and who waits for them.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) points: Points,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) answer: SyncSender<Result<Kept, StoreError>>,
}

/// What the writer shares with the store. Whoever takes both locks takes that of the names first.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) names: RwLock<Names>,
    /// Locked for writing only while committed points are moved in, never while a commit runs.
    pub(super) head: RwLock<Head>,
    pub(super) appends: AtomicU64,
    pub(super) commits: AtomicU64,
    /// The [`StoreError::Poisoned`] that writes are refused with, once one has failed.
    pub(super) refusal: OnceLock<StoreError>,
}

/// The one thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) file: PathBuf,
    pub(super) shared: Arc<Shared>,
    /// The count and the checksum of what was kept under each key.
    pub(super) keys: HashMap<IdempotencyKey, (usize, u32)>,
}

/// A group as the file sees it.
#[derive(Debug, Default)]
struct Group {
    /// Series without points so far.
    series: Vec<(u32, TimeSeriesName)>,
    points: Vec<NumberedPoint>,
}

impl Writer {
    /// Commits what comes until all senders are gone, then lets go of the file.
    pub(super) fn run(mut self, queue: &Receiver<Append>) -> Result<(), StoreError> {
        while let Ok(first) = queue.recv() {
            let mut appends = vec![first];
            let mut points: usize = appends.iter().map(|append| append.points.len()).sum();
            while points < MAX_POINTS
                && let Ok(next) = queue.try_recv()
            {
                points += next.points.len();
                appends.push(next);
            }
            let verdicts: Vec<_> = appends.iter().map(|append| self.verdict(append)).collect();
            let now = appends.iter().zip(&verdicts).filter(|(_, v)| matches!(v, Ok(Kept::Now)));
            let outcome = self.commit(&now.map(|(append, _)| &append.points).collect::<Vec<_>>());
            for (append, verdict) in appends.into_iter().zip(verdicts) {
                // Whoever no longer waits needs no answer.
                let _ = append.answer.send(outcome.clone().and(verdict));
            }
        }
        self.end()
    }

    /// What becomes of an append if the commit succeeds.
    fn verdict(&mut self, append: &Append) -> Result<Kept, StoreError> {
        let Some(key) = &append.key else { return Ok(Kept::Now) };
        let of = (append.points.len(), batch::checksum(&append.points));
        match self.keys.get(key) {
            None => {
                self.keys.insert(key.clone(), of);
                Ok(Kept::Now)
            }
            Some(kept) if *kept == of => Ok(Kept::Before),
            Some(_) => Err(StoreError::KeyReused { key: key.clone() }),
        }
    }

    fn commit(&mut self, appends: &[&Points]) -> Result<(), StoreError> {
        if let Some(refusal) = self.shared.refusal.get() {
            return Err(refusal.clone());
        }
        let group = self.group(appends);
        if group.points.is_empty() {
            return Ok(());
        }
        if let Err(error) = write(&mut self.connection, &group) {
            let refusal =
                StoreError::Poisoned { since: Timestamp::now(), cause: error.to_string() };
            self.shared.refusal.get_or_init(|| refusal);
            return Err(schema::from_sqlite(&self.file, "commit points to", error));
        }
        // What is visible is durable: readers see the points only now.
        let mut names = self.shared.names.write().unwrap_or_else(PoisonError::into_inner);
        let mut head = self.shared.head.write().unwrap_or_else(PoisonError::into_inner);
        for (number, _) in &group.series {
            names.publish(*number);
        }
        head.add_points(group.points);
        head.settle();
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.appends.fetch_add(appends.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn group(&self, appends: &[&Points]) -> Group {
        let names = self.shared.names.read().unwrap_or_else(PoisonError::into_inner);
        let (mut points, mut new) = (Vec::new(), BTreeSet::new());
        for append in appends {
            let columns = append.timestamps().iter().zip(append.values());
            for (series, (timestamp, value)) in append.series().iter().zip(columns) {
                let series = series.number();
                if !names.is_published(series) {
                    new.insert(series);
                }
                points.push(NumberedPoint { series, timestamp: *timestamp, value: *value });
            }
        }
        let named = |number| Some((number, names.name(number)?.clone()));
        Group { series: new.into_iter().filter_map(named).collect(), points }
    }

    /// Moves the write-ahead file into the database, so that one file is left.
    fn end(self) -> Result<(), StoreError> {
        let failed = |error| schema::from_sqlite(&self.file, "close", error);
        if self.shared.refusal.get().is_none() {
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.connection.query_row(checkpoint, [], |_| Ok(())).map_err(failed)?;
        }
        self.connection.close().map_err(|(_, error)| failed(error))
    }
}

/// One transaction. On an error it is rolled back, as far as the disk still answers.
fn write(connection: &mut Connection, group: &Group) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let sql = "INSERT INTO series (id, metric, tags) VALUES (?1, ?2, ?3)";
        let mut insert = transaction.prepare(sql)?;
        for (number, name) in &group.series {
            let tags = name::encode(name.metric(), name.tags());
            insert.execute((number, name.metric(), tags))?;
        }
        let mut insert = transaction.prepare("INSERT INTO batch (points) VALUES (?1)")?;
        for points in group.points.chunks(MAX_POINTS) {
            insert.execute([batch::encode(points)])?;
        }
    }
    transaction.commit()
}
