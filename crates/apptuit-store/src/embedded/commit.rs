//! Group commit: the appends that wait become one transaction and one sync, then all are answered.
//!
//! One thread owns the connection. While it syncs, the next group gathers in the queue: the time a
//! sync takes forms the groups, and no timer does.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use apptuit_model::{DataPoint, TimeSeriesName, Timestamp};
use rusqlite::Connection;

use super::batch::{self, MAX_POINTS, NumberedPoint};
use super::head::{Head, number_after};
use super::{name, schema};
use crate::StoreError;

/// Points to keep, and who waits for them.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) points: Vec<DataPoint>,
    pub(super) answer: SyncSender<Result<(), StoreError>>,
}

/// What the writer shares with the store.
#[derive(Debug)]
pub(super) struct Shared {
    /// Locked for writing only while committed points are moved in, never while a commit runs.
    pub(super) head: RwLock<Head>,
    /// The [`StoreError::Poisoned`] that writes are refused with, once one has failed.
    pub(super) refusal: OnceLock<StoreError>,
}

/// The one thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) file: PathBuf,
    pub(super) shared: Arc<Shared>,
}

/// A group as the file sees it.
#[derive(Debug, Default)]
struct Group {
    /// Series not seen before, in the order of their numbers.
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
            let outcome = self.commit(&appends);
            for append in appends {
                // Whoever no longer waits needs no answer.
                let _ = append.answer.send(outcome.clone());
            }
        }
        self.end()
    }

    fn commit(&mut self, appends: &[Append]) -> Result<(), StoreError> {
        if let Some(refusal) = self.shared.refusal.get() {
            return Err(refusal.clone());
        }
        let group = self.number(appends);
        if let Err(error) = write(&mut self.connection, &group) {
            let refusal =
                StoreError::Poisoned { since: Timestamp::now(), cause: error.to_string() };
            self.shared.refusal.get_or_init(|| refusal);
            return Err(schema::from_sqlite(&self.file, "commit points to", error));
        }
        // What is visible is durable: readers see the points only now.
        let mut head = self.shared.head.write().unwrap_or_else(PoisonError::into_inner);
        for (_, name) in &group.series {
            head.add_series(name.metric(), name.tags().iter());
        }
        head.add_points(group.points);
        head.settle();
        head.count_commit(appends.len() as u64);
        Ok(())
    }

    /// Gives every series its number, new ones the next free.
    fn number(&self, appends: &[Append]) -> Group {
        let head = self.shared.head.read().unwrap_or_else(PoisonError::into_inner);
        let (mut group, mut new) = (Group::default(), HashMap::new());
        for point in appends.iter().flat_map(|append| &append.points) {
            let series = head.number(point.name()).unwrap_or_else(|| {
                *new.entry(point.name()).or_insert_with(|| {
                    let number = number_after(head.len() + group.series.len());
                    group.series.push((number, point.name().clone()));
                    number
                })
            });
            let (timestamp, value) = (point.timestamp(), point.value());
            group.points.push(NumberedPoint { series, timestamp, value });
        }
        group
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
