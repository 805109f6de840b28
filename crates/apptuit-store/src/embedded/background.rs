//! The thread that keeps the file in shape while points come.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use apptuit_model::Timestamp;
use rusqlite::Connection;

use super::commit::Writer;
use super::shared::Shared;
use super::{chunks, compact, merge, read, remove, schema};
use crate::{OnTrouble, StoreError};

/// How often the thread looks whether there are points to move.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it looks whether there is something else to do.
const CHORES: Duration = Duration::from_mins(1);
/// Batches older than this are moved to chunks.
const BATCH_AGE: Duration = Duration::from_mins(30);
/// Chunks that ended this long ago are merged, once in this time.
const CHUNK_AGE: Duration = Duration::from_hours(24);
/// Old points are looked for this many times in the time they are kept, but at most daily.
const CUTS: u32 = 32;
/// Free pages that stay in the file for points to come: 64 MiB, or a quarter of the file.
const FREE_PAGES: u64 = 4096;
/// Pages that are given back between two commits.
const SHRUNK_PAGES: u32 = 256;

/// What the thread goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ahead_bytes: u64,
    pub(super) retention: Option<Duration>,
    pub(super) retention_bytes: Option<u64>,
}

/// Tells the thread to end.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    /// Waits; whether the thread is to end.
    fn pause(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(stopped, PAUSE, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Works until it is told to stop, or writing ends.
pub(super) fn run(shared: &Arc<Shared>, stop: &Stop, limits: Limits, on_trouble: &OnTrouble) {
    let (mut chores, mut cut) = (Timestamp::MIN, Timestamp::MIN);
    let [mut moving, mut tidying] = [false; 2];
    // What fails ends all writing, of which whoever writes is told, or is tried again.
    let judge = |failing: &mut bool, outcome: Result<(), StoreError>| {
        let Err(error) = outcome else { return *failing = false };
        if matches!(error, StoreError::Closed) || shared.writable().is_err() {
            return;
        }
        shared.chores_failed.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(failing, true) {
            on_trouble.tell(&error);
        }
    };
    while !stop.pause() && shared.writable().is_ok() {
        let now = shared.clock.now();
        judge(&mut moving, move_points(shared, limits.ahead_bytes, now));
        // The clock may have been set back.
        if now.saturating_sub(CHORES) >= chores || now < chores {
            chores = now;
            judge(&mut tidying, tidy(shared, limits, &mut cut, now));
        }
    }
}

fn move_points(shared: &Arc<Shared>, max_bytes: u64, now: Timestamp) -> Result<(), StoreError> {
    let due = {
        let ahead = shared.ahead();
        // By half, so that it takes a while until there is too much again.
        let left = if ahead.bytes() > max_bytes { max_bytes / 2 } else { u64::MAX };
        ahead.due(now.saturating_sub(BATCH_AGE), left)
    };
    compact::round(shared, due).map(|_| ())
}

fn tidy(
    shared: &Arc<Shared>,
    limits: Limits,
    cut: &mut Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let _alone = shared.tidying();
    let connection = read::connect(&shared.file)?;
    if let Some(retention) = limits.retention {
        let pause = (retention / CUTS).min(CHUNK_AGE);
        if now.saturating_sub(pause) >= *cut || now < *cut {
            *cut = now;
            remove::before(shared, &connection, now.saturating_sub(retention))?;
        }
    }
    if let Some(bytes) = limits.retention_bytes {
        remove::down_to(shared, &connection, bytes)?;
    }
    let day_ago = now.saturating_sub(CHUNK_AGE);
    let unmerged = chunks::unmerged(&connection, day_ago);
    for month in unmerged.map_err(|error| read::failed(shared, error))? {
        merge::month(shared, &connection, month, day_ago)?;
    }
    shrink(shared, &connection)
}

/// Gives free pages back to the file system, but for some.
fn shrink(shared: &Arc<Shared>, connection: &Connection) -> Result<(), StoreError> {
    loop {
        let pages = schema::pages(connection).map_err(|error| read::failed(shared, error))?;
        let stay = FREE_PAGES.max(pages.0 / 4);
        if pages.1 <= stay + u64::from(SHRUNK_PAGES) {
            return Ok(());
        }
        shared.on_writer(|writer| writer.shrink(SHRUNK_PAGES))?;
        let after = schema::pages(connection).map_err(|error| read::failed(shared, error))?;
        // A file of an older version cannot shrink before it is vacuumed.
        if after.1 >= pages.1 {
            return Ok(());
        }
    }
}

/// Does everything now: old points go, the others go to chunks as large as they may be, and the file
/// is written anew.
pub(super) fn everything(shared: &Arc<Shared>, limits: Limits) -> Result<(), StoreError> {
    let _alone = shared.tidying();
    compact::round(shared, Some(i64::MAX))?;
    let connection = read::connect(&shared.file)?;
    if let Some(retention) = limits.retention {
        let cutoff = shared.clock.now().saturating_sub(retention);
        remove::before(shared, &connection, cutoff)?;
    }
    if let Some(bytes) = limits.retention_bytes {
        remove::down_to(shared, &connection, bytes)?;
    }
    let unmerged = chunks::unmerged(&connection, Timestamp::MAX);
    for month in unmerged.map_err(|error| read::failed(shared, error))? {
        merge::month(shared, &connection, month, Timestamp::MAX)?;
    }
    drop(connection);
    shared.on_writer(Writer::vacuum)
}
