//! Points of a series from several places, in the order of time as far as they do not overlap.

use std::sync::Arc;

use apptuit_model::{TimeRange, Timestamp};

use super::cache::Row;
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

impl Segment<'_> {
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

/// Groups of segments, in order of time, of which no two overlap. Within a group the segments are in
/// the order in which they come, which is that of their writing.
pub(super) fn groups(segments: Vec<Segment<'_>>) -> Vec<Vec<Segment<'_>>> {
    let mut ordered: Vec<_> = segments.into_iter().enumerate().collect();
    ordered.sort_by_key(|(_, segment)| segment.start);
    let (mut groups, mut group, mut end) = (Vec::new(), Vec::new(), None);
    for (n, segment) in ordered {
        if end.is_some_and(|end| segment.start > end) {
            groups.push(std::mem::take(&mut group));
        }
        end = end.max(Some(segment.end));
        group.push((n, segment));
    }
    groups.push(group);
    groups.retain(|group| !group.is_empty());
    for group in &mut groups {
        group.sort_by_key(|(n, _)| *n);
    }
    groups
        .into_iter()
        .map(|group| group.into_iter().map(|(_, segment)| segment).collect())
        .collect()
}
