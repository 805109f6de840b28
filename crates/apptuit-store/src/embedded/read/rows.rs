//! What is known of the chunks of a series in a month.

use std::sync::{Arc, OnceLock};

use apptuit_model::{TimeRange, TimeSeriesName};

use crate::embedded::chunk::{self, Summary};
use crate::embedded::chunks;

/// Room that is made for chunks to come, so that not every one of them moves all others.
const ROWS_TO_COME: usize = 8;

/// About what a name takes, but for its texts, which are shared: those of four tags.
const NAME_BYTES: usize = 16 + 4 * 2 * size_of::<Arc<str>>();

/// The chunks of a series in a month, in the order of their writing.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// That of the series, so that it need not be put together each time it is read; `None` if it was
    /// removed.
    pub(super) name: Option<TimeSeriesName>,
    pub(super) chunks: Vec<Row>,
    in_time: bool,
}

/// A chunk of the file. Its bytes are here once somebody has needed them.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) seq: i64,
    pub(super) summary: Summary,
    pub(super) data: OnceLock<Arc<[u8]>>,
}

impl Rows {
    /// Of the chunks that there are, in the order of their writing.
    pub(super) fn new(name: Option<TimeSeriesName>, mut rows: Vec<Row>) -> Self {
        rows.shrink_to_fit();
        let in_time = in_time(&rows);
        Self { name, chunks: rows, in_time }
    }

    /// Whether that is the order of time, and none overlaps with the next.
    pub(super) fn is_in_time(&self) -> bool {
        self.in_time
    }

    /// Those that may have points in a range, and maybe others.
    pub(super) fn near(&self, range: TimeRange) -> &[Row] {
        if !self.in_time {
            return &self.chunks;
        }
        let from = self.chunks.partition_point(|row| row.summary.end < range.start());
        let to = self.chunks.partition_point(|row| row.summary.start <= range.end());
        self.chunks.get(from..to).unwrap_or_default()
    }

    /// Adds chunks that were written later.
    pub(super) fn extend(&mut self, added: Vec<Row>) {
        if self.chunks.capacity() < self.chunks.len() + added.len() {
            self.chunks.reserve_exact(added.len() + ROWS_TO_COME);
        }
        self.chunks.extend(added);
        self.chunks.sort_by_key(|row| (row.seq, row.summary.start));
        self.in_time = in_time(&self.chunks);
    }

    /// The same, as if nobody had needed their bytes.
    pub(super) fn without_data(&self) -> Self {
        let rows = self.chunks.iter().map(|row| Row { data: OnceLock::new(), ..row.clone() });
        Self { name: self.name.clone(), chunks: rows.collect(), in_time: self.in_time }
    }

    /// Their memory.
    pub(super) fn bytes(&self) -> usize {
        NAME_BYTES + self.chunks.iter().map(Row::bytes).sum::<usize>()
    }
}

fn in_time(rows: &[Row]) -> bool {
    rows.is_sorted_by(|one, next| one.summary.end < next.summary.start)
}

impl Row {
    /// A row that was written, without its bytes.
    pub(super) fn written(row: &chunks::Row) -> Option<Self> {
        let summary = chunk::summary(&row.data).ok()?;
        Some(Self { seq: row.seq, summary, data: OnceLock::new() })
    }

    /// Its memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.data.get().map_or(0, |data| data.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use apptuit_model::Timestamp;

    use super::*;

    pub(in crate::embedded::read) const AT_ZERO: Summary = Summary {
        count: 1,
        start: Timestamp::from_secs(0),
        end: Timestamp::from_secs(0),
        first: 0.0,
        last: 0.0,
        min: 0.0,
        max: 0.0,
        sum: 0.0,
    };

    #[test]
    fn the_chunks_near_a_range_are_all_that_overlap_with_it() {
        let row = |seq: i64, start: i64, end: i64| {
            let [start, end] = [start, end].map(Timestamp::from_secs);
            Row { seq, summary: Summary { start, end, ..AT_ZERO }, data: OnceLock::new() }
        };
        let near = |rows: &Rows, start, end| {
            let range = TimeRange::new(Timestamp::from_secs(start), Timestamp::from_secs(end));
            rows.near(range).iter().map(|row| row.seq).collect::<Vec<_>>()
        };
        let mut rows = Rows::new(None, vec![row(1, 0, 9), row(2, 10, 19)]);
        rows.extend(vec![row(3, 30, 39), row(4, 40, 40)]);
        assert_eq!([near(&rows, 9, 10), near(&rows, 11, 30)], [[1, 2], [2, 3]]);
        assert!(near(&rows, 20, 29).is_empty() && near(&rows, 41, 50).is_empty());
        assert_eq!(near(&rows, -9, 99), [1, 2, 3, 4]);
        rows.extend(vec![row(5, 5, 15)]);
        assert_eq!(near(&rows, 9, 10), [1, 2, 3, 4, 5], "a late one");
    }
}
