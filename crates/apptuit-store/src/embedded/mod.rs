//! One SQLite file: durability, atomicity and recovery are SQLite's.
//!
//! An append goes through a [`queue`] to the writer thread ([`commit`]), which answers after the
//! commit. The points are then in a batch of the file and in memory ([`head`]); another thread
//! ([`background`]) moves them into [`chunks`]. Readers look at both.

mod background;
mod backup;
mod batch;
mod bytes;
mod check;
mod checksum;
pub(crate) mod chunk;
mod chunks;
mod commit;
mod compact;
mod group;
mod head;
mod keys;
mod load;
mod lock;
mod merge;
mod merged;
mod month;
mod name;
mod names;
mod queue;
mod read;
mod refusal;
mod remove;
mod replay;
mod room;
mod schema;
mod shared;
mod write_ahead;

use std::path::{self, Path};
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use apptuit_model::{Selector, Step, TimeRange, TimeSeries, TimeSeriesName};

use self::background::{Limits, Stop};
pub use self::backup::backup;
pub use self::check::{Check, Finding, check};
pub use self::chunk::Summary;
use self::commit::Writer;
use self::lock::Lock;
use self::queue::{Append, Queue};
use self::read::{Chunks, Reader};
use self::shared::Shared;
use crate::{
    Answer, Estimate, IdempotencyKey, Kept, Points, ReadLimits, Scan, SeriesId, Store, StoreError,
    StoreOptions, StoreStats, Suggest,
};

/// A store in one SQLite file, which it alone has open for writing.
///
/// The format is in `docs/reference/storage-format.md`. Dropping the store closes it.
#[derive(Debug)]
pub struct EmbeddedStore {
    max_series: usize,
    patience: Duration,
    limits: Limits,
    shared: Arc<Shared>,
    stop: Arc<Stop>,
    reader: Reader,
    /// `None` once they have ended.
    threads: Mutex<Option<Threads>>,
}

#[derive(Debug)]
struct Threads {
    writer: JoinHandle<Result<(), StoreError>>,
    background: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Opens the store in `file`, whose folder must exist; makes it if there is none, and brings it
    /// to the version of today if it is older.
    ///
    /// # Errors
    ///
    /// The file is damaged, not a store, of a newer version, in use by another store, or the
    /// operating system refuses.
    pub fn open(file: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let failed = |error| io(file, "open", error);
        // An absolute path is never one of the names that SQLite keeps for databases in memory.
        let file = path::absolute(file).map_err(failed)?;
        let lock = Lock::take(&file)?;
        let connection = schema::open(&file, &options)?;
        let loaded = load::load(&connection, &file, options.clock.now())?;
        let reader = Reader::new(&file)?;
        let queue = Queue::new(options.max_queued_bytes);
        let chunks = Chunks::new(options.max_cached_bytes);
        let shared = Arc::new(Shared::new(file.clone(), options.clock, queue, chunks, loaded));

        let limits = Limits {
            ahead_bytes: options.max_ahead_bytes,
            retention: options.retention,
            retention_bytes: options.retention_bytes,
        };
        let writer = Writer::new(connection, Arc::clone(&shared), lock)
            .map_err(|error| schema::from_sqlite(&shared.file, "open", error))?;
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        let writer = thread("apptuit-store").spawn(move || writer.run()).map_err(failed)?;
        let stop = Arc::new(Stop::default());
        let background = {
            let (shared, stop) = (Arc::clone(&shared), Arc::clone(&stop));
            let run = move || background::run(&shared, &stop, limits, &options.on_trouble);
            thread("apptuit-compact").spawn(run)
        };
        let background = background.map_err(|error| {
            shared.queue.close();
            failed(error)
        })?;
        let threads = Mutex::new(Some(Threads { writer, background }));
        let (max_series, patience) = (options.max_series, options.patience);
        Ok(Self { max_series, patience, limits, shared, stop, reader, threads })
    }

    /// The database.
    pub fn file(&self) -> &Path {
        &self.shared.file
    }

    /// Moves all points that are in memory into chunks now.
    ///
    /// # Errors
    ///
    /// The store takes no more writes, or this one failed.
    pub fn flush(&self) -> Result<(), StoreError> {
        compact::round(&self.shared, Some(i64::MAX)).map(|_| ())
    }

    /// Does now what else is done in the background from time to time: points that are past the
    /// retention go, the others go into chunks as large as they may be, of which none overlap, and
    /// the file is written anew, as small as it can be. Meanwhile points can be read; appends wait
    /// while the file is written, for which the disk needs the room of a second one.
    ///
    /// # Errors
    ///
    /// The store takes no more writes, the disk has no room, or something failed.
    pub fn compact(&self) -> Result<(), StoreError> {
        background::everything(&self.shared, self.limits)
    }

    /// The series that `selector` means, also those whose points cannot be read; `None` if there is
    /// none of its metric.
    pub fn names(&self, selector: &Selector) -> Option<Vec<TimeSeriesName>> {
        let names = self.shared.names();
        let numbers = names.matching(selector)?;
        Some(numbers.iter().filter_map(|number| names.name(number)).collect())
    }

    /// Removes the series that `selector` means with all their points, and returns how many there
    /// were once this is durable. Points of the same names that come later make new series.
    ///
    /// # Errors
    ///
    /// The store takes no more writes, or this one failed: then some of the series may be gone.
    pub fn delete(&self, selector: &Selector) -> Result<usize, StoreError> {
        remove::series(&self.shared, selector)
    }
}

impl EmbeddedStore {
    /// Hands points to the writer, which waits for room for at most `patience`.
    fn begin(
        &self,
        points: &Points,
        key: Option<&IdempotencyKey>,
        answer: Answer,
        patience: Duration,
    ) -> Result<(), StoreError> {
        if self.shared.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        self.shared.writable()?;
        if points.is_empty() {
            answer(Ok(Kept::Now));
            return Ok(());
        }
        let highest = self.shared.names().highest();
        assert!(
            points.series().iter().all(|series| (1..=highest).contains(&series.number())),
            "a series has a number that this store did not give"
        );
        let append = Append { points: points.clone(), key: key.cloned(), answer };
        self.shared.queue.append(append, patience)
    }
}

impl Store for EmbeddedStore {
    fn series(&self, name: &TimeSeriesName) -> Result<SeriesId, StoreError> {
        if let Some(number) = self.shared.names().number(name) {
            return Ok(SeriesId::new(number));
        }
        let mut names = self.shared.names_mut();
        // Another thread may have been faster.
        match names.number(name) {
            Some(number) => Ok(SeriesId::new(number)),
            None if names.len() < self.max_series => Ok(SeriesId::new(names.add(name))),
            None => Err(StoreError::TooManySeries { limit: self.max_series }),
        }
    }

    fn append(&self, points: &Points, key: Option<&IdempotencyKey>) -> Result<Kept, StoreError> {
        let (answer, outcome) = sync_channel(1);
        let answer = Box::new(move |kept| {
            // Whoever no longer waits needs no answer.
            let _ = answer.send(kept);
        });
        self.begin(points, key, answer, self.patience)?;
        outcome.recv().unwrap_or_else(|_| Err(self.shared.gone()))
    }

    fn append_then(
        &self,
        points: &Points,
        key: Option<&IdempotencyKey>,
        then: Answer,
    ) -> Result<(), StoreError> {
        self.begin(points, key, then, Duration::ZERO)
    }

    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        self.reader.select(&self.shared, selector, range, limits)
    }

    fn scan(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Box<dyn Scan>>, StoreError> {
        let scan = self.reader.scan(&self.shared, selector, range, limits)?;
        Ok(scan.map(|scan| Box::new(scan) as Box<dyn Scan>))
    }

    fn estimate(
        &self,
        selector: &Selector,
        range: TimeRange,
        step: Option<Step>,
        limits: &ReadLimits,
    ) -> Result<Option<Estimate>, StoreError> {
        let unlimited = ReadLimits { cancelled: limits.cancelled.clone(), ..ReadLimits::UNLIMITED };
        self.reader.estimate(&self.shared, selector, range, step, &unlimited)
    }

    fn suggest(
        &self,
        what: Suggest<'_>,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.shared.names().suggest(what, prefix, max))
    }

    fn stats(&self) -> StoreStats {
        let shared = &self.shared;
        let series = shared.names().series();
        // While the head is locked, nothing goes from it to chunks.
        let head = shared.head();
        let points = head.points() + shared.points.load(Ordering::Relaxed);
        StoreStats {
            series,
            points,
            appends: shared.appends.load(Ordering::Relaxed),
            commits: shared.commits.load(Ordering::Relaxed),
            file_bytes: shared.file.metadata().map_or(0, |file| file.len()),
            ahead_bytes: shared.ahead().bytes(),
            head_bytes: head.bytes(),
            chunks_made: shared.chunks_made.load(Ordering::Relaxed),
            chunks_time: Duration::from_millis(shared.chunks_millis.load(Ordering::Relaxed)),
            chunks_merged: shared.chunks_merged.load(Ordering::Relaxed),
            chores_failed: shared.chores_failed.load(Ordering::Relaxed),
        }
    }

    fn close(&self) -> Result<(), StoreError> {
        self.stop.stop();
        self.shared.queue.close();
        // Locked until the writer has ended, so that whoever else closes waits for that too.
        let mut threads = guard(&self.threads);
        let Some(Threads { writer, background }) = threads.take() else { return Ok(()) };
        let outcomes = (background.join(), writer.join());
        match outcomes {
            (Ok(()), Ok(outcome)) => outcome,
            _ => Err(self.shared.gone()),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        // Acknowledged points are safe whatever happens here; who wants to know calls `close`.
        let _ = self.close();
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn io(file: &Path, doing: &'static str, error: std::io::Error) -> StoreError {
    StoreError::Io { doing, file: file.to_owned(), source: Arc::new(error) }
}
