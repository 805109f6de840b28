//! One SQLite file: durability, atomicity and recovery are SQLite's.
//!
//! An append goes through a queue to the writer thread ([`commit`]), which answers after the commit.
//! Readers are served from memory ([`head`]) and never touch the file.

mod batch;
mod bytes;
mod checksum;
#[cfg_attr(
    not(any(test, feature = "fuzz")),
    expect(dead_code, reason = "what moves the head to chunks will use it")
)]
pub(crate) mod chunk;
mod commit;
mod head;
mod name;
mod refusal;
mod schema;

use std::path::{self, Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};

use apptuit_model::{DataPoint, Selector, TimeRange, TimeSeries, Timestamp};

use self::commit::{Append, Shared, Writer};
use self::head::Head;
use crate::{ReadLimits, Store, StoreError, StoreOptions, StoreStats, Suggest};

/// A store in one SQLite file, which it alone has open.
///
/// The format is in `docs/reference/storage-format.md`. All points are also held in memory: 16
/// bytes each. Dropping it closes it.
#[derive(Debug)]
pub struct EmbeddedStore {
    file: PathBuf,
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
        let head = RwLock::new(schema::load(&connection, &file)?);
        let shared = Arc::new(Shared { head, refusal: OnceLock::new() });
        let (queue, appends) = sync_channel(options.max_queued.max(1));
        let writer = Writer { connection, file: file.clone(), shared: Arc::clone(&shared) };
        let thread = thread::Builder::new().name("apptuit-store".to_owned());
        let writer = thread.spawn(move || writer.run(&appends)).map_err(io)?;
        Ok(Self { file, shared, queue: Mutex::new(Some(queue)), writer: Mutex::new(Some(writer)) })
    }

    /// The database.
    pub fn file(&self) -> &Path {
        &self.file
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
    fn append(&self, points: &[DataPoint]) -> Result<(), StoreError> {
        let queue = guard(&self.queue).clone().ok_or(StoreError::Closed)?;
        if let Some(refusal) = self.shared.refusal.get() {
            return Err(refusal.clone());
        }
        if points.is_empty() {
            return Ok(());
        }
        let (answer, outcome) = sync_channel(1);
        let append = Append { points: points.to_vec(), answer };
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
        self.head().select(selector, range, limits)
    }

    fn suggest(
        &self,
        what: Suggest<'_>,
        prefix: &str,
        max: usize,
    ) -> Result<Vec<String>, StoreError> {
        Ok(self.head().suggest(what, prefix, max))
    }

    fn stats(&self) -> StoreStats {
        self.head().stats()
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

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn io(file: &Path, doing: &'static str, error: std::io::Error) -> StoreError {
    StoreError::Io { doing, file: file.to_owned(), source: Arc::new(error) }
}
