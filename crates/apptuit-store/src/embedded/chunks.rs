//! Rows of the chunk tables: cut to size, written and removed.

use apptuit_model::Timestamp;
use rusqlite::{Connection, Transaction};

use super::chunk::{self, Summary};
use super::merged::Merged;
use super::month::Month;
use super::schema::integer;

/// The most points of a row.
pub(super) const MAX_POINTS: usize = 8000;
/// The most bytes of `data` in a row. Four such rows fill a page; SQLite puts the end of a longer
/// one in pages of its own, most of which stay empty.
pub(super) const MAX_BYTES: usize = 4040;

/// A row of a chunk table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) month: Month,
    pub(super) series: u32,
    pub(super) start: Timestamp,
    /// All its points are from batches up to this one.
    pub(super) seq: i64,
    pub(super) points: usize,
    pub(super) data: Vec<u8>,
}

/// Cuts points of a series into rows: none crosses a month or has more than it may.
pub(super) fn cut(series: u32, seq: i64, points: &Merged, rows: &mut Vec<Row>) {
    let (mut timestamps, mut values) = (&*points.timestamps, &*points.values);
    // How many points fill a row, as far as is known.
    let mut fill = MAX_POINTS;
    while let Some(first) = timestamps.first() {
        let month = Month::of(*first);
        let of_month = match month.end() {
            Timestamp::MAX => timestamps.len(),
            end => timestamps.partition_point(|at| *at < end),
        };
        let pieces = of_month.div_ceil(fill);
        let count = of_month.div_ceil(pieces);
        let (part, rest) = timestamps.split_at(count);
        let (part_values, rest_values) = values.split_at(count);
        let mut data = Vec::new();
        chunk::encode(part, part_values, &mut data);
        if data.len() > MAX_BYTES && count > 1 {
            // Smaller pieces take a little more for each point.
            fill = (count * MAX_BYTES / data.len() * 31 / 32).clamp(1, count - 1);
            continue;
        }
        data.shrink_to_fit();
        rows.push(Row { month, series, start: *first, seq, points: count, data });
        (timestamps, values) = (rest, rest_values);
    }
}

/// A row of a chunk table as it was read.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) series: u32,
    pub(super) start: i64,
    pub(super) seq: i64,
    pub(super) summary: Summary,
    pub(super) data: Vec<u8>,
}

/// The lowest series with chunks in a month, from a number on.
pub(super) fn series_from(
    connection: &Connection,
    month: Month,
    from: u32,
) -> rusqlite::Result<Option<u32>> {
    let sql = format!("SELECT min(series) FROM {} WHERE series >= ?1", month.table());
    connection.prepare_cached(&sql)?.query_row([from], |row| row.get(0))
}

/// The chunks of a series in a month, in the order of their start; `None` for one whose header is
/// damaged.
pub(super) fn of_series(
    connection: &Connection,
    month: Month,
    series: u32,
) -> rusqlite::Result<Vec<Option<Kept>>> {
    let sql = format!(
        "SELECT start, seq, data FROM {} WHERE series = ?1 ORDER BY start, seq",
        month.table()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([series], |row| {
        let data: Vec<u8> = row.get(2)?;
        let summary = chunk::summary(&data).ok();
        let (start, seq) = (row.get(0)?, row.get(1)?);
        Ok(summary.map(|summary| Kept { series, start, seq, summary, data }))
    })?;
    rows.collect()
}

/// Writes rows, and answers how many points they have. Loose ones are to be merged.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    rows: &[Row],
    loose: bool,
) -> rusqlite::Result<u64> {
    for rows in rows.chunk_by(|one, other| one.month == other.month) {
        let Some(month) = rows.first().map(|row| row.month) else { continue };
        let table = month.table();
        transaction.execute_batch(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (series INTEGER NOT NULL, start INTEGER NOT NULL, \
             seq INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (series, start, seq)) \
             STRICT, WITHOUT ROWID"
        ))?;
        let sql = format!("INSERT INTO {table} (series, start, seq, data) VALUES (?1, ?2, ?3, ?4)");
        let mut insert = transaction.prepare_cached(&sql)?;
        for row in rows {
            insert.execute((row.series, row.start.as_millis(), row.seq, &row.data))?;
        }
        let points: usize = rows.iter().map(|row| row.points).sum();
        let loose = if loose { rows.len() } else { 0 };
        let sql = "INSERT INTO month (month, points, loose, merged) VALUES (?1, ?2, ?3, 0) \
                   ON CONFLICT DO UPDATE SET points = points + ?2, loose = loose + ?3";
        let mut count = transaction.prepare_cached(sql)?;
        count.execute((month.number(), integer(points), integer(loose)))?;
    }
    Ok(rows.iter().map(|row| row.points as u64).sum())
}

/// Removes rows of a month, and answers how many points they had.
pub(super) fn remove(
    transaction: &Transaction<'_>,
    month: Month,
    rows: &[Kept],
) -> rusqlite::Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let sql =
        format!("DELETE FROM {} WHERE series = ?1 AND start = ?2 AND seq = ?3", month.table());
    let mut remove = transaction.prepare_cached(&sql)?;
    for row in rows {
        remove.execute((row.series, row.start, row.seq))?;
    }
    let points: usize = rows.iter().map(|row| row.summary.count).sum();
    let mut count =
        transaction.prepare_cached("UPDATE month SET points = points - ?2 WHERE month = ?1")?;
    count.execute((month.number(), integer(points)))?;
    Ok(points as u64)
}

/// Whether a series has chunks in any month.
pub(super) fn has(connection: &Connection, series: u32) -> rusqlite::Result<bool> {
    for month in months(connection)? {
        let sql = format!("SELECT 1 FROM {} WHERE series = ?1", month.table());
        if connection.prepare_cached(&sql)?.exists([series])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The earliest and the latest start of a chunk in a month; of no time if there is none.
pub(super) fn span(
    connection: &Connection,
    month: Month,
) -> rusqlite::Result<(Timestamp, Timestamp)> {
    let sql =
        format!("SELECT coalesce(min(start), 1), coalesce(max(start), 0) FROM {}", month.table());
    let (start, end) = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((Timestamp::from_millis(start), Timestamp::from_millis(end)))
}

/// How many chunks of a month are to be merged.
pub(super) fn loose(connection: &Connection, month: Month) -> rusqlite::Result<i64> {
    let sql = "SELECT loose FROM month WHERE month = ?1";
    connection.prepare_cached(sql)?.query_row([month.number()], |row| row.get(0))
}

/// Says that a month was merged, when it had `loose` chunks to merge and `young` ones were too young.
pub(super) fn set_merged(
    transaction: &Transaction<'_>,
    month: Month,
    loose: i64,
    young: usize,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let sql = "UPDATE month SET loose = loose - ?2 + ?3, merged = ?4 WHERE month = ?1";
    let mut set = transaction.prepare_cached(sql)?;
    set.execute((month.number(), loose, integer(young), now.as_millis())).map(|_| ())
}

/// The months with chunks to merge that were not merged since an instant.
pub(super) fn unmerged(connection: &Connection, since: Timestamp) -> rusqlite::Result<Vec<Month>> {
    let sql = "SELECT month FROM month WHERE loose > 0 AND merged < ?1 ORDER BY month";
    let mut statement = connection.prepare_cached(sql)?;
    let numbers = statement.query_map([since.as_millis()], |row| row.get(0))?;
    let numbers = numbers.collect::<Result<Vec<i64>, _>>()?;
    Ok(numbers.into_iter().filter_map(Month::from_number).collect())
}

/// All months with chunks.
pub(super) fn months(connection: &Connection) -> rusqlite::Result<Vec<Month>> {
    let mut statement = connection.prepare_cached("SELECT month FROM month ORDER BY month")?;
    let numbers = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    Ok(numbers.into_iter().filter_map(Month::from_number).collect())
}
