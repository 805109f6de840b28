//! The thread that keeps the file in shape while points come.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::commit::Shared;
use super::compact;
use crate::StoreError;

/// How often the thread looks whether there is something to do.
const PAUSE: Duration = Duration::from_secs(1);
/// Batches older than this are moved to chunks.
const BATCH_AGE: Duration = Duration::from_mins(30);

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
pub(super) fn run(shared: &Arc<Shared>, stop: &Stop, max_ahead_bytes: u64) {
    while !stop.pause() && shared.writable().is_ok() {
        // What fails ends all writing, and whoever writes is told.
        let _ = work(shared, max_ahead_bytes);
    }
}

fn work(shared: &Arc<Shared>, max_ahead_bytes: u64) -> Result<(), StoreError> {
    let oldest = shared.clock.now().saturating_sub(BATCH_AGE);
    let due = {
        let ahead = shared.ahead();
        // By half, so that it takes a while until there is too much again.
        let left = if ahead.bytes() > max_ahead_bytes { max_ahead_bytes / 2 } else { u64::MAX };
        ahead.due(oldest, left)
    };
    compact::round(shared, due).map(|_| ())
}
