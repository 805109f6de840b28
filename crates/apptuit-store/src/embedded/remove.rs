//! Points go for good: those of a series, those that are old, and the oldest where there are too
//! many.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use apptuit_model::{Selector, Timestamp};
use rusqlite::{Connection, Transaction};

use super::chunks;
use super::commit::Writer;
use super::month::Month;
use super::shared::Shared;
use super::{compact, read, schema};
use crate::StoreError;

/// The most series whose points are removed in one transaction.
const SERIES: usize = 200;
/// Into how many parts a month is cut, of which the oldest go first.
const PARTS: u32 = 30;

/// Removes the series a selector means with all their points, and answers how many there were.
pub(super) fn series(shared: &Arc<Shared>, selector: &Selector) -> Result<usize, StoreError> {
    let meant: Vec<u32> = {
        let names = shared.names();
        names.matching(selector).into_iter().flatten().collect()
    };
    for series in meant.chunks(SERIES) {
        let _alone = shared.maintenance();
        let series = series.to_vec();
        shared.on_writer(move |writer| {
            let last = writer.shared().ahead().last();
            let points = writer.transaction("remove series from", |transaction| {
                let mut points = 0;
                for month in chunks::months(transaction)? {
                    for series in &series {
                        let kept = chunks::of_series(transaction, month, *series)?;
                        let whole: Vec<_> = kept.into_iter().flatten().collect();
                        points += chunks::remove(transaction, month, &whole)?;
                        // What is damaged goes too.
                        let sql = format!("DELETE FROM {} WHERE series = ?1", month.table());
                        transaction.prepare_cached(&sql)?.execute([series])?;
                    }
                }
                forget(transaction, &series, last).map(|()| points)
            })?;
            vanish(writer, &series);
            writer.shared().points.fetch_sub(points, Ordering::Relaxed);
            Ok(())
        })?;
    }
    Ok(meant.len())
}

/// Removes the names of series. Their points in batches so far no longer count.
fn forget(transaction: &Transaction<'_>, series: &[u32], last: i64) -> rusqlite::Result<()> {
    let mut remove = transaction.prepare_cached("DELETE FROM series WHERE id = ?1")?;
    let sql = "INSERT OR REPLACE INTO covered (series, batch) VALUES (?1, ?2)";
    let mut cover = transaction.prepare_cached(sql)?;
    for series in series {
        remove.execute([series])?;
        cover.execute((series, last))?;
    }
    Ok(())
}

/// Takes series that the file no longer has out of memory. Nobody else adds points meanwhile: this
/// is the thread that does.
fn vanish(writer: &mut Writer, series: &[u32]) {
    let shared = writer.shared_arc();
    let mut names = shared.names_mut();
    let mut head = shared.head_mut();
    names.hide(series);
    for series in series {
        head.forget(*series);
        writer.set_named(*series, false);
    }
}

/// Removes the chunks that end before an instant: whole months as far as possible.
pub(super) fn before(
    shared: &Arc<Shared>,
    connection: &Connection,
    cutoff: Timestamp,
) -> Result<(), StoreError> {
    for month in chunks::months(connection).map_err(|error| read::failed(shared, error))? {
        if month.start() < cutoff {
            cut(shared, connection, month, cutoff)?;
        }
        if month.end() <= cutoff {
            drop_month(shared, month)?;
        }
    }
    Ok(())
}

/// Removes the oldest points until the file takes no more than `max_bytes`, not counting what is
/// free in it.
pub(super) fn down_to(
    shared: &Arc<Shared>,
    connection: &Connection,
    max_bytes: u64,
) -> Result<(), StoreError> {
    let failed = |error| read::failed(shared, error);
    let too_large =
        || schema::used_bytes(connection).map(|bytes| bytes > max_bytes).map_err(failed);
    if !too_large()? {
        return Ok(());
    }
    // In chunks points take a fraction of what they take in batches.
    compact::round(shared, Some(i64::MAX))?;
    while too_large()? {
        let months = chunks::months(connection).map_err(failed)?;
        let Some(oldest) = months.first() else { return Ok(()) };
        let (start, end) = chunks::span(connection, *oldest).map_err(failed)?;
        let length = Duration::from_millis(end.as_millis().abs_diff(start.as_millis()));
        // A chunk that is longer than a part goes with a later one.
        let mut parts = (1..PARTS).map(|part| start.saturating_add(length / PARTS * part));
        let cut_off = parts.try_fold(0, |removed, cutoff| match removed {
            0 => cut(shared, connection, *oldest, cutoff),
            _ => Ok(removed),
        })?;
        match (cut_off, months.len()) {
            (1.., _) => {}
            // The last points stay, whatever they take.
            (0, 1) => return Ok(()),
            (0, _) => before(shared, connection, oldest.end())?,
        }
    }
    Ok(())
}

/// Removes the chunks of a month that end before an instant, and answers how many there were.
fn cut(
    shared: &Arc<Shared>,
    connection: &Connection,
    month: Month,
    cutoff: Timestamp,
) -> Result<usize, StoreError> {
    let failed = |error| read::failed(shared, error);
    let (mut from, mut done, mut removed) = (0, false, 0);
    while !done {
        let _alone = shared.maintenance();
        let (mut old, mut emptied) = (Vec::new(), Vec::new());
        while emptied.len() < SERIES && old.len() < 10 * SERIES {
            let Some(series) = chunks::series_from(connection, month, from).map_err(failed)? else {
                done = true;
                break;
            };
            from = series + 1;
            let kept = chunks::of_series(connection, month, series).map_err(failed)?;
            let count = kept.len();
            let of_series = kept.into_iter().flatten().filter(|chunk| chunk.summary.end < cutoff);
            let before = old.len();
            old.extend(of_series);
            if old.len() - before == count {
                emptied.push(series);
            }
        }
        removed += old.len();
        shared.on_writer(move |writer| {
            let shared = writer.shared_arc();
            let last = shared.ahead().last();
            let (points, gone) = writer.transaction("remove old points from", |transaction| {
                let points = chunks::remove(transaction, month, &old)?;
                let head = shared.head();
                let mut gone = Vec::new();
                for series in emptied {
                    if !head.has(series) && !chunks::has(transaction, series)? {
                        gone.push(series);
                    }
                }
                drop(head);
                forget(transaction, &gone, last)?;
                Ok((points, gone))
            })?;
            if !gone.is_empty() {
                vanish(writer, &gone);
            }
            shared.points.fetch_sub(points, Ordering::Relaxed);
            Ok(())
        })?;
    }
    Ok(removed)
}

/// Drops the table of a month of which all chunks but damaged ones are gone.
fn drop_month(shared: &Arc<Shared>, month: Month) -> Result<(), StoreError> {
    let _alone = shared.maintenance();
    shared.on_writer(move |writer| {
        let points = writer.transaction("remove a month from", |transaction| {
            let sql = "DELETE FROM month WHERE month = ?1 RETURNING points";
            let points: i64 = transaction.query_row(sql, [month.number()], |row| row.get(0))?;
            transaction.execute_batch(&format!("DROP TABLE {}", month.table()))?;
            Ok(points)
        })?;
        writer.shared().points.fetch_sub(points.unsigned_abs(), Ordering::Relaxed);
        Ok(())
    })
}
