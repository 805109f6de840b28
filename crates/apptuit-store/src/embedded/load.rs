//! What is read back into memory when a store is opened: names, and the points not in chunks yet.

use std::collections::HashMap;
use std::path::Path;

use apptuit_model::{Tags, TimeSeriesName, Timestamp};
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, Row};

use super::bytes::Damage;
use super::head::Head;
use super::names::Names;
use super::replay::{Replay, replay};
use super::write_ahead::WriteAhead;
use super::{batch, name, schema};
use crate::{Points, StoreError};

/// Asks for the highest number that a batch ever had.
pub(super) const LAST_BATCH: &str = "SELECT max(value + 0, (SELECT coalesce(max(id), 0) FROM batch)) \
                                     FROM meta WHERE key = 'last_batch'";

/// What a database holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) names: Names,
    pub(super) head: Head,
    pub(super) ahead: WriteAhead,
    /// Points in chunks.
    pub(super) points: u64,
}

/// Reads what is kept in memory.
pub(super) fn load(
    connection: &Connection,
    file: &Path,
    now: Timestamp,
) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let failed = |error| schema::from_sqlite(file, "read", error);
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    loaded.ahead = WriteAhead::after(number(LAST_BATCH).map_err(failed)?);
    let points = number("SELECT coalesce(sum(points), 0) FROM month").map_err(failed)?;
    loaded.points = points.unsigned_abs();

    let mut names = Names::default();
    let series = "SELECT id, metric, tags FROM series ORDER BY id";
    each_row(connection, file, ("series", series), |id, row| {
        let metric = row.get_ref(1)?.as_str()?;
        let tags = name::decode(metric, row.get_ref(2)?.as_blob()?)?;
        let name = TimeSeriesName::new(metric, tags.into_iter().collect::<Tags>());
        let number = u32::try_from(id).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| Damage::of("its number is out of range".to_owned()))?;
        if names.load(number, &name) {
            return Ok(());
        }
        Err(Damage::of("a row before has the same metric and tags".to_owned()))
    })?;

    // By number, since it is asked for every point: whether there is the series, and up to which
    // batch its points do not count.
    let named: Vec<bool> = (0..=names.highest()).map(|number| names.is_published(number)).collect();
    let mut covered = vec![i64::MIN; named.len()];
    // Series that were removed may have higher numbers, in a damaged file any.
    let mut beyond = HashMap::new();
    let sql = "SELECT series, batch FROM covered";
    each_row(connection, file, ("covered", sql), |series, row| {
        let last = row.get(1)?;
        match usize::try_from(series).ok().and_then(|series| covered.get_mut(series)) {
            Some(place) => *place = last,
            None => _ = beyond.insert(series, last),
        }
        Ok(())
    })?;
    let is_named = |series: u32| named.get(series as usize).is_some_and(|named| *named);
    let covers = |series: u32, batch: i64| {
        let last = covered.get(series as usize).or_else(|| beyond.get(&i64::from(series)));
        last.is_some_and(|last| batch <= *last)
    };

    let mut points = Points::default();
    let batches = "SELECT id, points FROM batch ORDER BY id";
    let ahead = &mut loaded.ahead;
    let read_batch = |replay: &mut Replay, id: i64, row: &Row<'_>| {
        let blob = row.get_ref(1)?.as_blob()?;
        batch::decode(blob, &mut points)?;
        let lost = points.series.iter().map(|series| series.number());
        let lost = lost.filter(|series| !is_named(*series) && !covers(*series, id));
        if let Some(series) = lost.min() {
            return Err(Damage::of(format!("series `{series}` is unknown")));
        }
        ahead.push(id, blob.len(), now);
        for (series, at, value) in points.columns().iter() {
            if !covers(series.number(), id) {
                replay.add(series.number(), at, value, id);
            }
        }
        Ok(())
    };
    loaded.head = replay(|replay| {
        let mut read_batch = read_batch;
        each_row(connection, file, ("batch", batches), |id, row| read_batch(replay, id, row))
    })?;
    loaded.names = names;
    Ok(loaded)
}

/// Reads the rows of a table, whose first column is the number of the row.
pub(super) fn each_row(
    connection: &Connection,
    file: &Path,
    (table, sql): (&str, &str),
    mut read: impl FnMut(i64, &Row<'_>) -> Result<(), Damage>,
) -> Result<(), StoreError> {
    let failed = |error| schema::from_sqlite(file, "read", error);
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let id: i64 = row.get(0).map_err(failed)?;
        read(id, row).map_err(|damage| {
            let at = format!("row {id} of `{table}`{}", damage.place());
            StoreError::Corrupt { file: file.to_owned(), at, what: damage.what }
        })?;
    }
    Ok(())
}

impl From<rusqlite::Error> for Damage {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(error.to_string())
    }
}

impl From<FromSqlError> for Damage {
    fn from(error: FromSqlError) -> Self {
        Self::of(error.to_string())
    }
}
