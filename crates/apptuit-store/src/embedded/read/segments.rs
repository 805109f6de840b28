//! Points of a series from several places, in the order of time as far as they do not overlap.

use std::sync::Arc;

use apptuit_model::{TimeRange, Timestamp};

use super::rows::Row;
use crate::embedded::head::Block;

/// Points from one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) part: Part<'a>,
}

/// Where they are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Chunk(&'a Row),
    Block(&'a Arc<Block>),
    Open(&'a [(Timestamp, f64)]),
}

impl<'a> Segment<'a> {
    pub(super) fn chunk(row: &'a Row) -> Self {
        Self { start: row.summary.start, end: row.summary.end, part: Part::Chunk(row) }
    }

    /// About how many points are in a range: if they are evenly spread, so many.
    pub(super) fn about(&self, range: TimeRange) -> u64 {
        let count = match self.part {
            Part::Chunk(row) => row.summary.count,
            Part::Block(block) => block.summary.count,
            // They were captured for the range.
            Part::Open(points) => return points.len() as u64,
        };
        let (from, to) = (self.start.max(range.start()), self.end.min(range.end()));
        if from > to {
            return 0;
        }
        let length = |from: Timestamp, to: Timestamp| to.as_millis().abs_diff(from.as_millis());
        let (part, whole) = (length(from, to), length(self.start, self.end).max(1));
        let (count, one) = (count as u128, u128::from(count > 0));
        let inside = (count - one) * u128::from(part) / u128::from(whole) + one;
        u64::try_from(inside).unwrap_or(u64::MAX)
    }
}

/// Segments in the order of time, in groups of which no two overlap.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    /// Each with its place in the order of writing, which is that of a group.
    segments: Vec<(usize, Segment<'a>)>,
    /// Where groups end.
    ends: Vec<usize>,
}

impl<'a> Groups<'a> {
    /// Groups segments that come in the order of their writing.
    pub(super) fn of(segments: impl Iterator<Item = Segment<'a>>) -> Self {
        let mut segments: Vec<_> = segments.enumerate().collect();
        segments.sort_by_key(|(_, segment)| segment.start);
        let (mut ends, mut end) = (Vec::with_capacity(segments.len()), None);
        for (at, (_, segment)) in segments.iter().enumerate() {
            if end.is_some_and(|end| segment.start > end) {
                ends.push(at);
            }
            end = end.max(Some(segment.end));
        }
        ends.extend((!segments.is_empty()).then_some(segments.len()));
        let mut from = 0;
        for end in &ends {
            segments.get_mut(from..*end).unwrap_or_default().sort_by_key(|(n, _)| *n);
            from = *end;
        }
        Self { segments, ends }
    }

    /// The groups, by time.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[(usize, Segment<'a>)]> {
        let mut from = 0;
        self.ends.iter().filter_map(move |end| {
            let group = self.segments.get(from..*end);
            from = *end;
            group
        })
    }
}
