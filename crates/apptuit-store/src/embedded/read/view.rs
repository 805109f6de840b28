//! A state of the file, and the chunks that are taken from it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use apptuit_model::TimeRange;
use rusqlite::Connection;

use super::cache::Moment;
use super::rows::{Row, Rows};
use super::scan::Captured;
use super::{exceeded, still_wanted};
use crate::embedded::bytes::Damage;
use crate::embedded::month::Month;
use crate::embedded::shared::Shared;
use crate::embedded::{chunk, schema};
use crate::{ReadLimits, StoreError};

/// A state of the file, fixed, and what is wanted of it.
pub(super) struct View<'a> {
    pub(super) file: &'a Path,
    pub(super) shared: &'a Shared,
    /// In a transaction.
    pub(super) snapshot: &'a Connection,
    /// From before the state was fixed.
    pub(super) moment: Moment,
    pub(super) range: TimeRange,
    pub(super) need: Need,
    pub(super) limits: &'a ReadLimits,
}

/// Which bytes are needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Those of the chunks that may have points in the range.
    Points,
    /// None: how many there are is told by summaries.
    Summaries,
}

impl View<'_> {
    /// Adds the chunks of a month to what is captured.
    pub(super) fn take_month(
        &self,
        month: Month,
        captured: &mut [Captured],
    ) -> Result<(), StoreError> {
        let keys: Vec<_> = captured.iter().map(|series| (series.number, month)).collect();
        let found = self.shared.chunks.find(&keys, self.moment);
        let (mut read, mut bytes) = (Vec::new(), 0);
        let mut points = captured.iter().map(Captured::at_least).sum::<usize>();
        for ((series, key), found) in captured.iter_mut().zip(keys).zip(found) {
            let is_kept = found.is_some();
            let rows = if let Some(rows) = found {
                rows
            } else {
                still_wanted(self.limits)?;
                self.rows(key)?
            };
            let near = rows.near(self.range);
            let overlapping = || near.iter().filter(|row| overlaps(row, self.range));
            if self.need == Need::Points && is_kept {
                for row in overlapping() {
                    bytes += self.load(key, row)?;
                }
            }
            if overlapping().next().is_some() {
                points += series.add(Arc::clone(&rows), self.range);
                if points > self.limits.max_points {
                    return Err(exceeded(self.limits.max_points, "points"));
                }
            }
            if !is_kept {
                read.push((key, rows));
            }
        }
        self.shared.chunks.keep(read.into_iter(), self.moment);
        self.shared.chunks.count(bytes);
        Ok(())
    }

    /// All chunks of a series in a month, and the bytes of those that are needed.
    fn rows(&self, (series, month): (u32, Month)) -> Result<Arc<Rows>, StoreError> {
        let failed = |error| self.failed(error);
        let table = month.table();
        let sql =
            format!("SELECT start, seq, data FROM {table} WHERE series = ?1 ORDER BY seq, start");
        let mut statement = self.snapshot.prepare_cached(&sql).map_err(failed)?;
        let mut found = statement.query([series]).map_err(failed)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            let start = row.get(0).map_err(failed)?;
            let read = || {
                let (seq, data) = (row.get(1)?, row.get_ref(2)?.as_blob()?);
                let summary = chunk::summary(data)?;
                if summary.start.as_millis() != start {
                    let what = format!("it starts at `{}`", summary.start.as_millis());
                    return Err(Damage { offset: None, what });
                }
                let row = Row { seq, summary, data: OnceLock::new() };
                if self.need == Need::Points && overlaps(&row, self.range) {
                    row.data.get_or_init(|| data.into());
                }
                Ok(row)
            };
            rows.push(read().map_err(|damage| damaged(self.file, (series, month), start, damage))?);
        }
        Ok(Arc::new(Rows::new(self.shared.names().name(series), rows)))
    }

    /// Takes the bytes of a chunk to memory, if they are not there, and answers how many came.
    fn load(&self, (series, month): (u32, Month), row: &Row) -> Result<usize, StoreError> {
        if row.data.get().is_some() {
            return Ok(0);
        }
        let failed = |error| self.failed(error);
        let table = month.table();
        let sql = format!("SELECT data FROM {table} WHERE series = ?1 AND start = ?2 AND seq = ?3");
        let mut statement = self.snapshot.prepare_cached(&sql).map_err(failed)?;
        let key = (series, row.summary.start.as_millis(), row.seq);
        let data: Vec<u8> = statement.query_row(key, |row| row.get(0)).map_err(failed)?;
        let bytes = data.len();
        // Another reader may have been faster.
        Ok(row.data.set(data.into()).map_or(0, |()| bytes))
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        schema::from_sqlite(self.file, "read series from", error)
    }
}

/// Whether a chunk may have points in a range.
pub(super) fn overlaps(row: &Row, range: TimeRange) -> bool {
    row.summary.start <= range.end() && range.start() <= row.summary.end
}

pub(super) fn damaged(
    file: &Path,
    (series, month): (u32, Month),
    start: i64,
    Damage { offset, what }: Damage,
) -> StoreError {
    let byte = offset.map(|offset| format!(", byte {offset}")).unwrap_or_default();
    let at = format!("series {series}, start {start} of `{}`{byte}", month.table());
    StoreError::Corrupt { file: file.to_owned(), at, what }
}
