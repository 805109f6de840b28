//! Points go from the head into chunks, and the batches that held them go.
//!
//! Some series at a time: their points are frozen, packed anew outside of all locks, and written by
//! the writer in one transaction, which also says that the batches so far are covered for these
//! series. Only then does the head drop them. So a reader who looks at the head first and at the
//! file then misses none, and a crash between any two steps changes nothing that can be read.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;

use super::chunks::{self, Row};
use super::commit::Writer;
use super::head::Frozen;
use super::merged::Merged;
use super::shared::Shared;
use crate::StoreError;

/// Series that are frozen while the head is locked once.
const FROZEN: usize = 128;
/// The most rows of one transaction, so that appends do not wait for long.
const ROWS: usize = 1000;
/// Series that are looked at while the head is locked once.
const LOOKED_AT: usize = 4096;
/// Bytes of batches that are removed in one transaction.
const REMOVED_BYTES: u64 = 16 << 20;

/// Moves the points of the series that are worth a chunk, and of those that hold up batches.
pub(super) fn round(shared: &Arc<Shared>, due: Option<i64>) -> Result<usize, StoreError> {
    let mut moved = 0;
    loop {
        let full = shared.head_mut().take_full(ROWS);
        if full.is_empty() {
            break;
        }
        moved += move_series(shared, &full)?;
    }
    let count = if due.is_some() { shared.head().len() } else { 0 };
    let last = due.unwrap_or_default();
    for from in (0..count).step_by(LOOKED_AT) {
        let old = shared.head().with_batches(from..from + LOOKED_AT, last);
        moved += move_series(shared, &old)?;
    }
    if moved > 0 {
        remove_batches(shared)?;
    }
    Ok(moved)
}

/// Moves all points of some series, and answers how many series there were.
fn move_series(shared: &Arc<Shared>, series: &[u32]) -> Result<usize, StoreError> {
    let mut moved = 0;
    for series in series.chunks(ROWS) {
        // Nothing else may move or remove points of these series until the head has dropped them.
        let _alone = shared.maintenance();
        let began = shared.clock.now();
        let (mut rows, mut all, mut merged) = (Vec::new(), Vec::new(), Merged::default());
        for series in series.chunks(FROZEN) {
            let (frozen, last) = {
                let mut head = shared.head_mut();
                // Points of batches up to this one are in the head, and no others.
                let last = shared.ahead().last();
                (head.freeze(series), last)
            };
            for Frozen { series, blocks } in &frozen {
                merged.clear();
                for block in blocks {
                    merged.overlay_chunk(&block.data).expect("a block was packed here");
                }
                chunks::cut(*series, last, &merged, &mut rows);
            }
            all.extend(frozen.into_iter().map(|frozen| (frozen, last)));
        }
        moved += all.len();
        rows.sort_by_key(|row| (row.month, row.series));
        shared.chunks_made.fetch_add(rows.len() as u64, Ordering::Relaxed);
        write(shared, rows, all)?;
        let took = shared.clock.now().as_millis().saturating_sub(began.as_millis());
        shared.chunks_millis.fetch_add(u64::try_from(took).unwrap_or(0), Ordering::Relaxed);
    }
    Ok(moved)
}

fn write(
    shared: &Arc<Shared>,
    rows: Vec<Row>,
    frozen: Vec<(Frozen, i64)>,
) -> Result<(), StoreError> {
    shared.on_writer(move |writer| {
        let points = writer.transaction_adding(&rows, "move points in", |transaction| {
            let points = chunks::insert(transaction, &rows, true)?;
            let sql = "INSERT OR REPLACE INTO covered (series, batch) VALUES (?1, ?2)";
            let mut cover = transaction.prepare_cached(sql)?;
            for (frozen, last) in &frozen {
                cover.execute((frozen.series, last))?;
            }
            Ok(points)
        })?;
        let shared = writer.shared();
        let mut head = shared.head_mut();
        shared.points.fetch_add(points, Ordering::Relaxed);
        for (frozen, _) in &frozen {
            head.thaw(frozen);
        }
        Ok(())
    })
}

/// Removes the batches of which all points are in chunks.
fn remove_batches(shared: &Arc<Shared>) -> Result<(), StoreError> {
    let last = shared.ahead().last();
    let count = shared.head().len();
    let parts = (0..count).step_by(LOOKED_AT).map(|from| from..from + LOOKED_AT);
    let needed = parts.filter_map(|part| shared.head().first_batch_of(part)).min();
    // Whatever came since the look began is from a later batch.
    let keep = needed.map_or(last + 1, |needed| needed.min(last + 1));
    loop {
        let Some(piece) = shared.ahead().piece(keep, REMOVED_BYTES) else { return Ok(()) };
        shared.on_writer(move |writer| {
            let last = writer.shared().ahead().last().to_string();
            writer.transaction_on(iter::empty(), "remove points from", |transaction| {
                transaction.execute("DELETE FROM batch WHERE id < ?1", [piece])?;
                transaction.execute("DELETE FROM covered WHERE batch < ?1", [piece])?;
                let sql = "UPDATE meta SET value = ?1 WHERE key = 'last_batch'";
                transaction.execute(sql, [last]).map(|_| ())
            })?;
            writer.shared().ahead().remove_below(piece);
            Ok(())
        })?;
    }
}

impl Shared {
    /// Does work on the thread that writes, between two commits, and waits for it.
    pub(super) fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, outcome) = sync_channel(1);
        let job = move |writer: &mut Writer| {
            // Whoever no longer waits needs no answer.
            let _ = answer.send(work(writer));
        };
        if !self.queue.job(Box::new(job)) {
            return Err(StoreError::Closed);
        }
        outcome.recv().unwrap_or_else(|_| Err(self.gone()))
    }
}
