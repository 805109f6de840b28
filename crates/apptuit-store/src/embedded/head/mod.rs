//! The points that are not in chunks yet: of each series a few as they came, and blocks of more.
//!
//! Points are moved from here to chunks (`compact`): blocks are [frozen](Head::freeze), written as
//! chunks, and then [dropped](Head::thaw) from here.

mod series;

use std::hint::black_box;
use std::sync::Arc;

use apptuit_model::{TimeRange, Timestamp};

pub(super) use self::series::Block;
use self::series::{Scratch, Slot};
use crate::SeriesId;
use crate::points::Columns;

/// Points of a series that are kept as they are, 16 bytes each, before they become a block.
const OPEN_POINTS: usize = 120;
/// How much earlier some series are packed for the first time.
const SPREAD: usize = 100;
/// The points that make a series worth a chunk.
const FULL_POINTS: usize = 1000;
/// Points whose places are looked at together before they are added.
const TOUCHED: usize = 64;

/// The points in memory. Series go by their number.
#[derive(Debug, Default)]
pub(super) struct Head {
    series: Vec<Slot>,
    /// Series with the points of a chunk, once each, until [`take_full`](Self::take_full).
    full: Vec<u32>,
    points: u64,
    bytes: u64,
    scratch: Scratch,
}

/// What a series has in memory in some range of time, oldest writes first.
#[derive(Clone, Debug, Default)]
pub(super) struct Captured {
    /// Those that overlap with the range.
    pub(super) blocks: Vec<Arc<Block>>,
    /// Those in the range, in order of time.
    pub(super) open: Vec<(Timestamp, f64)>,
}

impl Captured {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.open.is_empty()
    }
}

/// Blocks of a series that are to become chunks.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) series: u32,
    pub(super) blocks: Vec<Arc<Block>>,
}

impl Head {
    /// Adds points of a batch, which follows all before, in their order.
    pub(super) fn add(&mut self, points: Columns<'_>, batch: i64) {
        let mut rest = points;
        while !rest.values.is_empty() {
            let (some, others) = rest.split_at(TOUCHED.min(rest.values.len()));
            self.touch(some.series);
            for (series, at, value) in some.iter() {
                self.add_point(series.number(), (at, value), batch);
            }
            rest = others;
        }
    }

    /// Brings the places of some points into the processor's cache. Points of a request are of many
    /// series: to wait for the memory of one after the other takes most of the time of adding them.
    fn touch(&self, series: &[SeriesId]) {
        let latest = |series: &SeriesId| self.slot(series.number())?.latest();
        let sum = series.iter().filter_map(latest).fold(0, |sum, at| sum ^ at.as_millis());
        black_box(sum);
    }

    fn add_point(&mut self, number: u32, point: (Timestamp, f64), batch: i64) {
        let at = number as usize;
        if at >= self.series.len() {
            self.series.resize_with(at + 1, Slot::default);
        }
        let Some(slot) = self.series.get_mut(at) else { return };
        self.points += u64::from(slot.insert(point, batch));
        let Some(series) = slot.many_mut() else { return };
        // Series that get their points together are not to be packed together: one request would
        // wait for all of them.
        let early = if series.blocks.is_empty() { at % SPREAD } else { 0 };
        if series.open_points() + early >= OPEN_POINTS {
            self.bytes += series.pack(&mut self.scratch);
        }
        if series.points() >= FULL_POINTS && !series.is_full {
            series.is_full = true;
            self.full.push(number);
        }
    }

    /// How many points there are. One that was written again after it was packed counts twice.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// The memory of the blocks.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a series has points here.
    pub(super) fn has(&self, number: u32) -> bool {
        self.slot(number).is_some_and(|slot| !slot.is_empty())
    }

    /// The points of a series in `range`.
    pub(super) fn capture(&self, number: u32, range: TimeRange) -> Captured {
        self.slot(number).map_or_else(Captured::default, |slot| slot.capture(range))
    }

    /// The series that are worth a chunk. Each is told of once, until it is frozen.
    pub(super) fn take_full(&mut self, most: usize) -> Vec<u32> {
        self.full.split_off(self.full.len().saturating_sub(most))
    }

    /// Of the series with numbers in `part`, those with points from batches up to `last`.
    pub(super) fn with_batches(&self, part: std::ops::Range<usize>, last: i64) -> Vec<u32> {
        let end = part.end.min(self.series.len());
        let part = (part.start..end).filter_map(|at| u32::try_from(at).ok());
        let first_batch = |number: u32| self.slot(number)?.first_batch();
        part.filter(|number| first_batch(*number).is_some_and(|batch| batch <= last)).collect()
    }

    /// The earliest batch that the series with numbers in `part` have points of.
    pub(super) fn first_batch_of(&self, part: std::ops::Range<usize>) -> Option<i64> {
        let part =
            self.series.get(part.start.min(self.series.len())..part.end.min(self.series.len()));
        part?.iter().filter_map(Slot::first_batch).min()
    }

    /// How many numbers of series there may be here.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Packs all points of some series, and gives their blocks.
    pub(super) fn freeze(&mut self, numbers: &[u32]) -> Vec<Frozen> {
        let mut frozen = Vec::with_capacity(numbers.len());
        for number in numbers {
            let slot = self.series.get_mut(*number as usize);
            let Some(series) = slot.and_then(Slot::make_many) else { continue };
            self.bytes += series.pack(&mut self.scratch);
            series.is_full = false;
            if !series.blocks.is_empty() {
                frozen.push(Frozen { series: *number, blocks: series.blocks.clone() });
            }
        }
        frozen
    }

    /// Forgets blocks that are in chunks now.
    pub(super) fn thaw(&mut self, frozen: &Frozen) {
        let Some(slot) = self.series.get_mut(frozen.series as usize) else { return };
        let Some(series) = slot.many_mut() else { return };
        let (points, bytes) = series.drop_blocks(&frozen.blocks);
        self.points -= points;
        self.bytes -= bytes;
        if series.points() == 0 {
            *slot = Slot::Empty;
        }
    }

    /// Forgets all points of a series.
    pub(super) fn forget(&mut self, number: u32) {
        let Some(slot) = self.series.get_mut(number as usize) else { return };
        let slot = std::mem::take(slot);
        self.points -= slot.points();
        let Slot::Many(series) = slot else { return };
        self.bytes -= series.blocks.iter().map(|block| block.data.len() as u64).sum::<u64>();
        if series.is_full {
            self.full.retain(|full| *full != number);
        }
    }

    /// In which of so many parts a series is, and by which number.
    pub(super) fn part(number: u32, count: usize) -> (usize, u32) {
        let count = u32::try_from(count).expect("there are few parts");
        ((number % count) as usize, number / count)
    }

    /// The head of all series of some [parts](Self::part).
    pub(super) fn joined(parts: Vec<Self>) -> Self {
        let (count, longest) = (parts.len(), parts.iter().map(Self::len).max().unwrap_or_default());
        let mut joined = Self::default();
        joined.series.resize_with(longest * count, Slot::default);
        for (place, part) in parts.into_iter().enumerate() {
            let slots = joined.series.iter_mut().skip(place).step_by(count);
            slots.zip(part.series).for_each(|(slot, of_part)| *slot = of_part);
            let whole = |number: u32| u32::try_from(number as usize * count + place);
            joined.full.extend(part.full.into_iter().filter_map(|number| whole(number).ok()));
            joined.points += part.points;
            joined.bytes += part.bytes;
        }
        joined
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.series.get(number as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Points;
    use crate::embedded::chunk;

    fn points(rows: &[(u32, i64, f64)]) -> Points {
        let mut points = Points::default();
        for (series, millis, value) in rows {
            points.push(SeriesId::new(*series), Timestamp::from_millis(*millis), *value);
        }
        points
    }

    fn range(start: i64, end: i64) -> TimeRange {
        TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end))
    }

    /// The points of a series in order of time, the last written of each instant.
    fn read(head: &Head, series: u32, range: TimeRange) -> BTreeMap<i64, f64> {
        let Captured { blocks, open } = head.capture(series, range);
        let mut found = BTreeMap::new();
        for block in blocks {
            let (mut timestamps, mut values) = (Vec::new(), Vec::new());
            chunk::decode(&block.data, &mut timestamps, &mut values).unwrap();
            let points = timestamps.iter().zip(values).filter(|(at, _)| range.contains(**at));
            found.extend(points.map(|(at, value)| (at.as_millis(), value)));
        }
        found.extend(open.iter().map(|(at, value)| (at.as_millis(), *value)));
        found
    }

    proptest! {
        #[test]
        fn the_last_write_wins_in_any_order(
            rows in prop::collection::vec((1..3_u32, 0..400_i64, -9.0..9.0), 0..2000),
            (start, end) in (-10..410_i64, -10..410_i64),
        ) {
            let mut head = Head::default();
            for (batch, rows) in (1..).zip(rows.chunks(70)) {
                head.add(points(rows).columns(), batch);
            }
            let range = range(start, end);
            for series in 1..3 {
                let own = rows.iter().filter(|row| row.0 == series && (start..=end).contains(&row.1));
                let expected: BTreeMap<i64, f64> = own.map(|row| (row.1, row.2)).collect();
                prop_assert_eq!(read(&head, series, range), expected);
            }
        }
    }

    #[test]
    fn a_series_is_full_once_until_it_is_frozen() {
        let mut head = Head::default();
        let rows: Vec<_> = (0..999).map(|at| (7, at, 0.5)).collect();
        head.add(points(&rows).columns(), 1);
        assert!(head.take_full(9).is_empty());
        head.add(points(&[(7, 999, 0.5), (7, 1000, 0.5), (3, 0, 0.5)]).columns(), 2);
        assert_eq!((head.take_full(9), head.take_full(9)), (vec![7], vec![]));
        assert_eq!(head.with_batches(0..99, 1), [7]);
        assert_eq!(head.with_batches(0..99, 2), [3, 7]);

        let frozen = head.freeze(&[7]);
        assert_eq!(frozen.iter().map(|frozen| frozen.series).collect::<Vec<_>>(), [7]);
        head.add(points(&[(7, 2000, 0.5)]).columns(), 3);
        assert_eq!((head.points(), read(&head, 7, TimeRange::ALL).len()), (1003, 1002));
        for frozen in &frozen {
            head.thaw(frozen);
        }
        assert_eq!((head.points(), head.bytes()), (2, 0));
        assert_eq!(read(&head, 7, TimeRange::ALL), BTreeMap::from([(2000, 0.5)]));
        assert_eq!((head.first_batch_of(4..99), head.first_batch_of(0..99)), (Some(3), Some(2)));
    }

    #[test]
    fn a_forgotten_series_is_not_thawed() {
        let mut head = Head::default();
        head.add(points(&[(1, 0, 1.0)]).columns(), 1);
        let frozen = head.freeze(&[1, 2]);
        head.forget(1);
        head.add(points(&[(1, 0, 2.0)]).columns(), 2);
        head.freeze(&[1]);
        for frozen in &frozen {
            head.thaw(frozen);
        }
        assert_eq!(read(&head, 1, TimeRange::ALL), BTreeMap::from([(0, 2.0)]));
        assert_eq!(head.points(), 1);
    }

    #[test]
    fn one_point_is_read_replaced_and_forgotten() {
        let mut head = Head::default();
        head.add(points(&[(1, 7, 1.0), (2, 7, 1.0)]).columns(), 1);
        head.add(points(&[(1, 7, 2.0), (2, 6, 2.0)]).columns(), 2);
        assert_eq!(read(&head, 1, TimeRange::ALL), BTreeMap::from([(7, 2.0)]));
        assert_eq!(read(&head, 1, range(0, 6)), BTreeMap::new());
        assert_eq!(read(&head, 2, TimeRange::ALL), BTreeMap::from([(6, 2.0), (7, 1.0)]));
        assert_eq!((head.points(), head.has(1), head.has(3)), (3, true, false));
        assert_eq!((head.first_batch_of(0..2), head.first_batch_of(2..3)), (Some(1), Some(1)));
        head.forget(1);
        assert_eq!((head.points(), head.has(1), head.first_batch_of(0..2)), (2, false, None));
    }

    #[test]
    fn a_head_of_parts_is_that_of_their_points() {
        let mut rows: Vec<_> = (0..1500).map(|at| (7, at, 0.5)).collect();
        rows.extend((1..30).map(|series| (series, 0, f64::from(series))));
        for count in 1..5 {
            let mut parts: Vec<_> = (0..count).map(|_| Head::default()).collect();
            for (series, at, value) in &rows {
                let (part, number) = Head::part(*series, count);
                parts[part].add(points(&[(number, *at, *value)]).columns(), 3);
            }
            let mut head = Head::joined(parts);
            assert_eq!((head.points(), head.take_full(9)), (1529, vec![7]), "of {count}");
            for series in 1..30 {
                let (read, last) = (read(&head, series, TimeRange::ALL), f64::from(series));
                assert_eq!(
                    (read.len(), read.get(&0)),
                    (if series == 7 { 1500 } else { 1 }, Some(&last))
                );
            }
            let bytes = head.bytes();
            let frozen = head.freeze(&[7]);
            for frozen in &frozen {
                head.thaw(frozen);
            }
            assert_eq!((bytes > 0, head.bytes(), head.points()), (true, 0, 28), "of {count}");
        }
    }
}
