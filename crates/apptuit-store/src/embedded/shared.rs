//! What the thread that writes shares with those that read and tidy up.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};

use apptuit_model::Timestamp;

use super::head::Head;
use super::load::Loaded;
use super::names::Names;
use super::queue::Queue;
use super::read::Chunks;
use super::write_ahead::WriteAhead;
use crate::StoreError;
use crate::options::WallClock;

/// What the writer shares with the store. Whoever takes several of the locks takes them in the order
/// in which they stand here.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) file: PathBuf,
    pub(super) clock: WallClock,
    pub(super) queue: Queue,
    /// Held by whoever tidies up: nothing that it has found is removed by another.
    tidying: Mutex<()>,
    /// Held by whoever moves points within the file or out of it, one piece of work at a time.
    maintenance: Mutex<()>,
    names: RwLock<Names>,
    /// Locked for writing only while committed points are moved in or out, never while a commit
    /// runs.
    head: RwLock<Head>,
    ahead: Mutex<WriteAhead>,
    /// Chunks that readers have read.
    pub(super) chunks: Chunks,
    /// Points in chunks.
    pub(super) points: AtomicU64,
    pub(super) appends: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) chunks_made: AtomicU64,
    pub(super) chunks_millis: AtomicU64,
    pub(super) chunks_merged: AtomicU64,
    pub(super) chores_failed: AtomicU64,
    /// The [`StoreError::Poisoned`] that writes are refused with, once one has failed.
    pub(super) refusal: OnceLock<StoreError>,
}

impl Shared {
    pub(super) fn new(
        file: PathBuf,
        clock: WallClock,
        queue: Queue,
        chunks: Chunks,
        loaded: Loaded,
    ) -> Self {
        Self {
            file,
            clock,
            queue,
            tidying: Mutex::new(()),
            maintenance: Mutex::new(()),
            names: RwLock::new(loaded.names),
            head: RwLock::new(loaded.head),
            ahead: Mutex::new(loaded.ahead),
            chunks,
            points: AtomicU64::new(loaded.points),
            appends: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            chunks_made: AtomicU64::new(0),
            chunks_millis: AtomicU64::new(0),
            chunks_merged: AtomicU64::new(0),
            chores_failed: AtomicU64::new(0),
            refusal: OnceLock::new(),
        }
    }

    pub(super) fn tidying(&self) -> MutexGuard<'_, ()> {
        self.tidying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn maintenance(&self) -> MutexGuard<'_, ()> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn names_mut(&self) -> RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ahead(&self) -> MutexGuard<'_, WriteAhead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That writing goes on.
    pub(super) fn writable(&self) -> Result<(), StoreError> {
        self.refusal.get().map_or(Ok(()), |refusal| Err(refusal.clone()))
    }

    /// Why there is no answer from the writer.
    pub(super) fn gone(&self) -> StoreError {
        let cause = "the thread that writes has ended".to_owned();
        let since = Timestamp::now();
        self.refusal.get_or_init(|| StoreError::Poisoned { since, cause }).clone()
    }
}
