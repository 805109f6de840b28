//! Reading points: those in chunks from the file, and those in memory laid over them.

use std::path::Path;

use apptuit_model::{Selector, TimeRange, TimeSeries};
use rusqlite::{Connection, OpenFlags};

use super::bytes::Damage;
use super::commit::Shared;
use super::merged::Merged;
use super::month::Month;
use super::schema;
use crate::{ReadLimits, StoreError};

/// A connection that only reads.
pub(super) fn connect(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| schema::from_sqlite(file, "open", error);
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    Ok(connection)
}

/// As of [`Store::select`](crate::Store::select).
pub(super) fn select(
    shared: &Shared,
    connection: &mut Connection,
    selector: &Selector,
    range: TimeRange,
    limits: &ReadLimits,
) -> Result<Option<Vec<TimeSeries>>, StoreError> {
    let file = shared.file.as_path();
    let failed = |error| schema::from_sqlite(file, "read series from", error);
    let names = shared.names();
    let Some(matching) = names.matching(selector) else { return Ok(None) };
    let matching: Vec<_> = matching.map(|(number, name)| (number, name.clone())).collect();
    drop(names);

    // The head first, then the file, whose state is fixed by the first read: what goes from one to
    // the other in between is seen twice.
    let head = shared.head();
    let in_memory: Vec<_> = matching.iter().map(|(n, _)| head.capture(*n, range)).collect();
    let snapshot = connection.transaction().map_err(failed)?;
    let months = months(&snapshot, range).map_err(failed)?;
    drop(head);

    let (mut found, mut points_left, mut points) =
        (Vec::new(), limits.max_points, Merged::default());
    for ((number, name), in_memory) in matching.into_iter().zip(in_memory) {
        if limits.cancelled.as_ref().is_some_and(|cancelled| cancelled()) {
            return Err(StoreError::Cancelled);
        }
        points.clear();
        for month in &months {
            let damage = |start: i64, Damage { what, .. }| StoreError::Corrupt {
                file: file.to_owned(),
                at: format!("series {number}, start {start} of `{}`", month.table()),
                what,
            };
            let sql = format!(
                "SELECT start, data FROM {} WHERE series = ?1 AND start <= ?2 ORDER BY seq, start",
                month.table()
            );
            let mut statement = snapshot.prepare_cached(&sql).map_err(failed)?;
            let end = range.end().as_millis();
            let mut rows = statement.query((number, end)).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let start = row.get(0).map_err(failed)?;
                let data = row.get_ref(1).map_err(failed)?;
                let data = data.as_blob().map_err(|error| damage(start, error.into()))?;
                points.overlay_chunk(data).map_err(|error| damage(start, error))?;
            }
        }
        for block in &in_memory.blocks {
            points.overlay_chunk(&block.data).expect("a block was packed here");
        }
        let (timestamps, values): (Vec<_>, Vec<_>) = in_memory.open.into_iter().unzip();
        points.overlay(&timestamps, &values);
        let (timestamps, values) = points.within(range);
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
        found.push(TimeSeries::from_points(&name, points));
    }
    Ok(Some(found))
}

fn exceeded(limit: usize, what: &str) -> StoreError {
    StoreError::LimitExceeded { what: format!("the selection has more than `{limit}` {what}") }
}

/// The months with chunks that may have points in a range.
pub(super) fn months(connection: &Connection, range: TimeRange) -> rusqlite::Result<Vec<Month>> {
    let sql = "SELECT month FROM month WHERE month BETWEEN ?1 AND ?2 ORDER BY month";
    let (start, end) = (Month::of(range.start()).number(), Month::of(range.end()).number());
    let mut statement = connection.prepare_cached(sql)?;
    let numbers = statement.query_map((start, end), |row| row.get(0))?;
    let numbers = numbers.collect::<Result<Vec<i64>, _>>()?;
    Ok(numbers.into_iter().filter_map(Month::from_number).collect())
}
