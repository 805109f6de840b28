//! Points of a series from several places, in the order of time as far as they do not overlap.

use std::sync::Arc;

use apptuit_model::Timestamp;

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

impl Part<'_> {
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Chunk(row) => row.summary.count,
            Self::Block(block) => block.summary.count,
            Self::Open(points) => points.len(),
        }
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
