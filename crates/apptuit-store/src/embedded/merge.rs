//! Small chunks become larger ones, and chunks that overlap become one after the other.
//!
//! Of two chunks with a point of one instant the one of a higher `seq` holds; the other's point goes
//! here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use apptuit_model::Timestamp;
use rusqlite::Connection;

use super::chunks::{self, Kept, MAX_BYTES, MAX_POINTS, Row};
use super::merged::Merged;
use super::month::Month;
use super::read;
use super::shared::Shared;
use crate::StoreError;

/// The most chunks that are replaced in one transaction.
const REPLACED: usize = 500;
/// A chunk with this share of the points or bytes it may have is left alone, in quarters.
const FULL_QUARTERS: usize = 3;

/// What takes the place of what in one month.
#[derive(Debug, Default)]
struct Piece {
    removed: Vec<Kept>,
    rows: Vec<Row>,
}

/// Merges the chunks of a month that end before `before`.
pub(super) fn month(
    shared: &Arc<Shared>,
    connection: &Connection,
    month: Month,
    before: Timestamp,
) -> Result<(), StoreError> {
    let failed = |error| read::failed(shared, error);
    let loose = chunks::loose(connection, month).map_err(failed)?;
    let (mut from, mut young) = (0, 0);
    loop {
        // What is read here is still there when it is replaced.
        let _alone = shared.maintenance();
        let mut piece = Piece::default();
        let mut next = Some(from);
        while piece.removed.len() < REPLACED {
            next = chunks::series_from(connection, month, from).map_err(failed)?;
            let Some(series) = next else { break };
            from = series + 1;
            let kept = chunks::of_series(connection, month, series).map_err(failed)?;
            // What is damaged stays as it is: a check tells of it.
            let Some(kept) = kept.into_iter().collect::<Option<Vec<_>>>() else { continue };
            young += kept.iter().filter(|chunk| is_young(chunk, before)).count();
            merge(kept, before, &mut piece);
        }
        let done = next.is_none();
        let now = shared.clock.now();
        shared.on_writer(move |writer| {
            let changed = piece.removed.iter().map(|chunk| (chunk.series, month));
            let points = writer.transaction_on(changed, "merge chunks of", |transaction| {
                let removed = chunks::remove(transaction, month, &piece.removed)?;
                let written = chunks::insert(transaction, &piece.rows, false)?;
                if done {
                    chunks::set_merged(transaction, month, loose, young, now)?;
                }
                Ok(removed - written)
            })?;
            let shared = writer.shared();
            shared.points.fetch_sub(points, Ordering::Relaxed);
            shared.chunks_merged.fetch_add(piece.removed.len() as u64, Ordering::Relaxed);
            Ok(())
        })?;
        if done {
            return Ok(());
        }
    }
}

/// Merges chunks of one series, which are in the order of their start.
fn merge(chunks: Vec<Kept>, before: Timestamp, piece: &mut Piece) {
    let mut group: Vec<Kept> = Vec::new();
    let mut end = Timestamp::MIN;
    for chunk in chunks {
        let overlaps = !group.is_empty() && chunk.summary.start <= end;
        if !overlaps && !fits(&group, &chunk) {
            replace(std::mem::take(&mut group), before, piece);
        }
        end = if group.is_empty() { chunk.summary.end } else { end.max(chunk.summary.end) };
        group.push(chunk);
    }
    replace(group, before, piece);
}

fn fits(group: &[Kept], chunk: &Kept) -> bool {
    let full = |chunk: &Kept| {
        4 * chunk.data.len() >= FULL_QUARTERS * MAX_BYTES
            || 4 * chunk.summary.count >= FULL_QUARTERS * MAX_POINTS
    };
    let bytes: usize = group.iter().map(|chunk| chunk.data.len()).sum();
    let points: usize = group.iter().map(|chunk| chunk.summary.count).sum();
    bytes + chunk.data.len() <= MAX_BYTES
        && points + chunk.summary.count <= MAX_POINTS
        && !full(chunk)
        && !group.last().is_some_and(full)
}

fn replace(mut group: Vec<Kept>, before: Timestamp, piece: &mut Piece) {
    if group.len() < 2 || group.iter().any(|chunk| is_young(chunk, before)) {
        return;
    }
    let Some((series, seq)) = group.iter().map(|chunk| (chunk.series, chunk.seq)).max() else {
        return;
    };
    group.sort_by_key(|chunk| (chunk.seq, chunk.summary.start));
    let mut merged = Merged::default();
    if group.iter().all(|chunk| merged.overlay_chunk(&chunk.data).is_ok()) {
        chunks::cut(series, seq, &merged, &mut piece.rows);
        piece.removed.extend(group);
    }
}

/// Whether a chunk is too young to be merged. Nothing is before the end of time, but where all are to
/// be merged.
fn is_young(chunk: &Kept, before: Timestamp) -> bool {
    before != Timestamp::MAX && chunk.summary.end >= before
}
