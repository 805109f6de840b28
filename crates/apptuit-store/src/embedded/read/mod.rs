//! Reading points: those in chunks from the file, and those in memory laid over them.
//!
//! What is read is captured at one moment: the head first, then a state of the file, which is fixed
//! before the head is let go. What goes from one to the other in between is seen twice, and never
//! missed. After that nothing is locked: chunks are taken to memory, encoded, and decoded series by
//! series as they are asked for.

mod cache;
mod rows;
mod scan;
mod segments;
mod view;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use apptuit_model::{Selector, Step, TimeRange, TimeSeries};
use rusqlite::{Connection, OpenFlags};

pub(super) use self::cache::Chunks;
use self::scan::{Captured, EmbeddedScan};
use self::view::{Need, View};
use super::month::Month;
use super::schema;
use super::shared::Shared;
use crate::{Estimate, Piece, ReadLimits, Scan as _, StoreError};

/// Connections that are kept for the next reader.
const CONNECTIONS: usize = 4;
/// Statements of a connection that are kept: one for each month that is read.
const STATEMENTS: usize = 64;

/// Reads from one file, by several threads at a time.
#[derive(Debug)]
pub(super) struct Reader {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    pub(super) fn new(file: &Path) -> Result<Self, StoreError> {
        let idle = Mutex::new(vec![connect(file)?]);
        Ok(Self { file: file.to_owned(), idle })
    }

    /// As of [`Store::select`](crate::Store::select).
    pub(super) fn select(
        &self,
        shared: &Shared,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        // Series without a point in the range, which it may have, do not count here.
        let scanning = ReadLimits { max_series: usize::MAX, ..limits.clone() };
        let Some(scan) = self.scan(shared, selector, range, &scanning)? else { return Ok(None) };
        let (mut found, mut points_left) = (Vec::new(), limits.max_points);
        for n in 0..scan.series() {
            still_wanted(limits)?;
            let (mut timestamps, mut values) = (Vec::new(), Vec::new());
            scan.read(n, None, &mut |piece| {
                if let Piece::Points(at, value) = piece {
                    timestamps.extend_from_slice(at);
                    values.extend_from_slice(value);
                }
                ControlFlow::Continue(())
            })?;
            if timestamps.is_empty() {
                continue;
            }
            if found.len() == limits.max_series {
                return Err(exceeded(limits.max_series, "series"));
            }
            points_left = points_left
                .checked_sub(timestamps.len())
                .ok_or_else(|| exceeded(limits.max_points, "points"))?;
            let points = timestamps.into_iter().zip(values);
            found.push(TimeSeries::from_points(scan.name(n), points));
        }
        Ok(Some(found))
    }

    /// As of [`Store::scan`](crate::Store::scan).
    pub(super) fn scan(
        &self,
        shared: &Shared,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<EmbeddedScan>, StoreError> {
        let captured = self.capture(shared, selector, range, limits, Need::Points)?;
        Ok(captured.map(|captured| EmbeddedScan::new(&self.file, captured, range, shared)))
    }

    /// As of [`Store::estimate`](crate::Store::estimate).
    pub(super) fn estimate(
        &self,
        shared: &Shared,
        selector: &Selector,
        range: TimeRange,
        step: Option<Step>,
        limits: &ReadLimits,
    ) -> Result<Option<Estimate>, StoreError> {
        let captured = self.capture(shared, selector, range, limits, Need::Summaries)?;
        let scan = |captured| EmbeddedScan::new(&self.file, captured, range, shared);
        Ok(captured.map(|captured| scan(captured).estimate(step)))
    }

    /// The series of a selector that may have points in a range, and all that is needed to read
    /// them.
    fn capture(
        &self,
        shared: &Shared,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
        need: Need,
    ) -> Result<Option<Vec<Captured>>, StoreError> {
        let failed = |error| self.failed(error);
        let Some(matching) = shared.names().matching(selector) else { return Ok(None) };
        if range.start() > range.end() {
            return Ok(Some(Vec::new()));
        }
        let mut connection = self.connection()?;

        let head = shared.head();
        let moment = shared.chunks.moment();
        let mut captured: Vec<Captured> = matching
            .iter()
            .map(|number| Captured::new(number, head.capture(number, range)))
            .collect();
        let snapshot = connection.transaction().map_err(failed)?;
        let months = months(&snapshot, range).map_err(failed)?;
        drop(head);

        let (file, fixed) = (self.file.as_path(), &*snapshot);
        let view = View { file, shared, snapshot: fixed, moment, range, need, limits };
        for month in months {
            view.take_month(month, &mut captured)?;
        }
        snapshot.finish().map_err(failed)?;
        self.idle(connection);

        captured.retain(|series| !series.is_empty());
        if captured.len() > limits.max_series {
            return Err(exceeded(limits.max_series, "series"));
        }
        Ok(Some(captured))
    }

    fn connection(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| connect(&self.file), Ok)
    }

    fn idle(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS {
            idle.push(connection);
        }
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        schema::from_sqlite(&self.file, "read series from", error)
    }
}

/// What an error of a connection that reads says.
pub(super) fn failed(shared: &Shared, error: rusqlite::Error) -> StoreError {
    schema::from_sqlite(&shared.file, "read series from", error)
}

/// A connection that only reads.
pub(super) fn connect(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| schema::from_sqlite(file, "open", error);
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    schema::plan_once(&connection).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
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

fn still_wanted(limits: &ReadLimits) -> Result<(), StoreError> {
    let gone = limits.cancelled.as_ref().is_some_and(|cancelled| cancelled());
    if gone { Err(StoreError::Cancelled) } else { Ok(()) }
}

fn exceeded(limit: usize, what: &str) -> StoreError {
    StoreError::LimitExceeded { what: format!("the selection has more than `{limit}` {what}") }
}
