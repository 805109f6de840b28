//! Rows of the chunk tables: cut to size, written and removed.

use apptuit_model::Timestamp;
use rusqlite::Transaction;

use super::chunk;
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

/// Writes rows.
pub(super) fn insert(transaction: &Transaction<'_>, rows: &[Row]) -> rusqlite::Result<()> {
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
        let sql = "INSERT INTO month (month, points, loose, merged) VALUES (?1, ?2, ?3, 0) \
                   ON CONFLICT DO UPDATE SET points = points + ?2, loose = loose + ?3";
        let mut count = transaction.prepare_cached(sql)?;
        count.execute((month.number(), integer(points), integer(rows.len())))?;
    }
    Ok(())
}
