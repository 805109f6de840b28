//! One SQLite file: durability, atomicity and recovery are SQLite's.
//!
//! An append goes through a queue to the writer thread ([`commit`]), which answers after the commit.
//! Readers are served from memory ([`head`]) and never touch the file.

mod batch;
mod bytes;
mod checksum;
mod commit;
mod head;
mod name;
mod names;
mod refusal;
mod schema;

use std::collections::HashMap;
use std::path::{self, Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};

use apptuit_model::{Selector, TimeRange, TimeSeries, TimeSeriesName, Timestamp};

use self::commit::{Append, Shared, Writer};
use self::head::Head;
use self::names::Names;
use crate::{
    IdempotencyKey, Kept, Points, ReadLimits, SeriesId, Store, StoreError, StoreOptions,
    StoreStats, Suggest,
};

/// A store in one SQLite file, which it alone has open.
///
/// The format is in `docs/reference/storage-format.md`. All points are also held in memory: 16
/// bytes each. Dropping it closes it.
#[derive(Debug)]
pub struct EmbeddedStore {
    file: PathBuf,
    max_series: usize,
    shared: Arc<Shared>,
    /// `None` once the store is closed.
    queue: Mutex<Option<SyncSender<Append>>>,
    writer: Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

impl EmbeddedStore {
    /// Opens the store in `file`, whose folder must exist, and reads it; makes it if there is none.
    ///
    /// # Errors
    ///
    /// The file is damaged, not a store, of a newer version, in use by another store, or the
    /// operating system refuses.
    #[expect(clippy::needless_pass_by_value, reason = "options to come are moved out of it")]
    pub fn open(file: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let io = |error| io(file, "open", error);
        // An absolute path is never one of the names that SQLite keeps for databases in memory.
        let file = path::absolute(file).map_err(io)?;
        let connection = schema::open(&file, &options)?;
        let (names, head) = schema::load(&connection, &file)?;
        let (names, head) = (RwLock::new(names), RwLock::new(head));
        let shared = Arc::new(Shared { names, head, ..Shared::default() });
        let (queue, appends) = sync_channel(options.max_queued.max(1));
        let writer = Writer {
            connection,
            file: file.clone(),
            shared: Arc::clone(&shared),
            keys: HashMap::new(),
        };
        let thread = thread::Builder::new().name("apptuit-store".to_owned());
        let writer = thread.spawn(move || writer.run(&appends)).map_err(io)?;
        let (queue, writer) = (Mutex::new(Some(queue)), Mutex::new(Some(writer)));
        Ok(Self { file, max_series: options.max_series, shared, queue, writer })
    }

    /// The database.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.shared.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.shared.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there is no answer from the writer.
    fn refusal(&self) -> StoreError {
        let cause = || "the thread that writes has ended".to_owned();
        let refusal = || StoreError::Poisoned { since: Timestamp::now(), cause: cause() };
        self.shared.refusal.get_or_init(refusal).clone()
    }
}

impl Store for EmbeddedStore {
    fn series(&self, name: &TimeSeriesName) -> Result<SeriesId, StoreError> {
        if let Some(number) = self.names().number(name) {
            return Ok(SeriesId::new(number));
        }
        let mut names = self.shared.names.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        match names.number(name) {
            Some(number) => Ok(SeriesId::new(number)),
            None if names.len() < self.max_series => Ok(SeriesId::new(names.add(name))),
            None => Err(StoreError::TooManySeries { limit: self.max_series }),
        }
    }

    fn append(&self, points: &Points, key: Option<&IdempotencyKey>) -> Result<Kept, StoreError> {
        let queue = guard(&self.queue).clone().ok_or(StoreError::Closed)?;
        if let Some(refusal) = self.shared.refusal.get() {
            return Err(refusal.clone());
        }
        if points.is_empty() {
            return Ok(Kept::Now);
        }
        let highest = self.names().highest();
        assert!(
            points.series().iter().all(|series| (1..=highest).contains(&series.number())),
            "a series has a number that this store did not give"
        );
        let (answer, outcome) = sync_channel(1);
        let append = Append { points: points.clone(), key: key.cloned(), answer };
        queue.send(append).map_err(|_| self.refusal())?;
        // The writer ends when the last sender is gone: this one must not outlive its use.
        drop(queue);
        outcome.recv().unwrap_or_else(|_| Err(self.refusal()))
    }

    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        let (names, head) = (self.names(), self.head());
        let Some(matching) = names.matching(selector) else { return Ok(None) };
        let (mut found, mut points_left) = (Vec::new(), limits.max_points);
        for (number, name) in matching {
            if limits.cancelled.as_ref().is_some_and(|cancelled| cancelled()) {
                return Err(StoreError::Cancelled);
            }
            let (timestamps, values) = head.within(number, range);
            if timestamps.is_empty() {
                continue;
            }
            if found.len() == limits.max_series {
                return Err(exceeded(limits.max_series, "series"));
            }
            points_left = points_left
                .checked_sub(timestamps.len())
                .ok_or_else(|| exceeded(limits.max_points, "points"))?;
            let points = timestamps.iter().copied().zip(values.iter().copied());
            found.push(TimeSeries::from_points(name, points));
        }
        Ok(Some(found))
    }

    fn suggest(
        &self,
        what: Suggest<'_>,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.names().suggest(what, prefix, max))
    }

    fn stats(&self) -> StoreStats {
        let series = self.names().series() as u64;
        StoreStats {
            series,
            points: self.head().points(),
            appends: self.shared.appends.load(Ordering::Relaxed),
            commits: self.shared.commits.load(Ordering::Relaxed),
        }
    }

    fn close(&self) -> Result<(), StoreError> {
        drop(guard(&self.queue).take());
        // Locked until the writer has ended, so that whoever else closes waits for that too.
        let mut writer = guard(&self.writer);
        match writer.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(self.refusal()),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // Acknowledged points are safe whatever happens here; who wants to know calls `close`.
        let _ = self.close();
    }
}

fn exceeded(limit: usize, what: &str) -> StoreError {
    StoreError::LimitExceeded { what: format!("the selection has more than `{limit}` {what}") }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn io(file: &Path, doing: &'static str, error: std::io::Error) -> StoreError {
    StoreError::Io { doing, file: file.to_owned(), source: Arc::new(error) }
}
