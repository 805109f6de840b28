//! What was captured of some series, read one by one.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apptuit_model::{Step, TimeRange, TimeSeriesName};

use super::rows::Rows;
use super::segments::{Groups, Part, Segment};
use super::view::{damaged, overlaps};
use crate::embedded::chunk;
use crate::embedded::head;
use crate::embedded::merged::Merged;
use crate::embedded::month::Month;
use crate::embedded::shared::Shared;
use crate::{Estimate, Piece, Scan, StoreError, Summary, TakePiece};

/// All that is needed to read a series in a range.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) number: u32,
    head: head::Captured,
    /// Chunks by month; some may lie outside of the range.
    months: Vec<Arc<Rows>>,
    /// There are at least so many points in chunks.
    at_least: usize,
}

impl Captured {
    pub(super) fn new(number: u32, head: head::Captured) -> Self {
        Self { number, head, months: Vec::new(), at_least: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.months.is_empty() && self.head.is_empty()
    }

    /// Adds chunks, and answers how many points they have at the least.
    pub(super) fn add(&mut self, rows: Arc<Rows>, range: TimeRange) -> usize {
        let (mut points, mut end) = (0, None);
        for Summary { start, end: until, count, .. } in
            rows.near(range).iter().map(|row| row.summary)
        {
            // Points that are there twice count once.
            let is_new = end.is_none_or(|end| start > end);
            if range.contains(start) && range.contains(until) && is_new {
                points += count;
                end = Some(until);
            }
        }
        self.at_least += points;
        self.months.push(rows);
        points
    }

    /// How many points there are in chunks, at the least.
    pub(super) fn at_least(&self) -> usize {
        self.at_least
    }

    /// Shows the groups of chunks, blocks and points that may be in a range, by time, to `take` until
    /// it has enough.
    fn each_group<E>(
        &self,
        range: TimeRange,
        mut take: impl FnMut(&[(usize, Segment<'_>)]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        // Most series that are not written to any more are of this kind.
        if let [rows] = &*self.months
            && rows.is_in_time()
            && self.head.is_empty()
        {
            for row in rows.near(range) {
                if take(&[(0, Segment::chunk(row))])?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        for group in self.groups(range).iter() {
            if take(group)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn groups(&self, range: TimeRange) -> Groups<'_> {
        let chunks = self.months.iter().flat_map(|rows| rows.near(range));
        let chunks = chunks.filter(|row| overlaps(row, range)).map(Segment::chunk);
        let blocks = self.head.blocks.iter().map(|block| Segment {
            start: block.summary.start,
            end: block.summary.end,
            part: Part::Block(block),
        });
        let open = match &*self.head.open {
            [] => None,
            [(start, _), ..] => {
                let end = self.head.open.last().map_or(*start, |(end, _)| *end);
                Some(Segment { start: *start, end, part: Part::Open(&self.head.open) })
            }
        };
        Groups::of(chunks.chain(blocks).chain(open))
    }
}

/// Series captured from a store; see [`Captured`].
#[derive(Debug)]
pub(in crate::embedded) struct EmbeddedScan {
    file: PathBuf,
    range: TimeRange,
    series: Vec<(TimeSeriesName, Captured)>,
}

impl EmbeddedScan {
    pub(super) fn new(
        file: &Path,
        captured: Vec<Captured>,
        range: TimeRange,
        shared: &Shared,
    ) -> Self {
        let names = shared.names();
        let name = |series: &Captured| match series.months.first() {
            Some(rows) => rows.name.clone(),
            None => names.name(series.number),
        };
        let named = |series: Captured| Some((name(&series)?, series));
        let series = captured.into_iter().filter_map(named).collect();
        Self { file: file.to_owned(), range, series }
    }

    fn at(&self, n: usize) -> &(TimeSeriesName, Captured) {
        self.series.get(n).expect("there are that many series")
    }

    /// The points of a group, at the least those in the range.
    fn points(
        &self,
        number: u32,
        group: &[(usize, Segment<'_>)],
        points: &mut Merged,
    ) -> Result<(), StoreError> {
        points.clear();
        let is_alone = group.len() == 1;
        for (_, segment) in group {
            let data = match segment.part {
                Part::Chunk(row) => row.data.get().map_or(&[][..], |data| data),
                Part::Block(block) => &block.data,
                Part::Open(open) => {
                    let (timestamps, values): (Vec<_>, Vec<_>) = open.iter().copied().unzip();
                    points.overlay(&timestamps, &values);
                    continue;
                }
            };
            let read = if is_alone {
                let last = self.range.end();
                chunk::decode_until(data, last, &mut points.timestamps, &mut points.values)
                    .map(|_| ())
            } else {
                points.overlay_chunk(data)
            };
            let start = segment.start;
            read.map_err(|damage| {
                damaged(&self.file, (number, Month::of(start)), start.as_millis(), damage)
            })?;
        }
        Ok(())
    }
}

impl Scan for EmbeddedScan {
    fn series(&self) -> usize {
        self.series.len()
    }

    fn name(&self, n: usize) -> &TimeSeriesName {
        &self.at(n).0
    }

    fn estimate(&self, step: Option<Step>) -> Estimate {
        let mut estimate = Estimate { series: self.series.len() as u64, ..Estimate::default() };
        for (_, series) in &self.series {
            let Ok(()) = series.each_group(self.range, |group| {
                let points: u64 = group.iter().map(|(_, part)| part.about(self.range)).sum();
                match summary(group, step, self.range) {
                    Some(_) => estimate.summed_up += points,
                    None => estimate.points += points,
                }
                Ok::<_, Infallible>(ControlFlow::Continue(()))
            });
        }
        estimate
    }

    fn read(
        &self,
        n: usize,
        step: Option<Step>,
        take: &mut TakePiece<'_>,
    ) -> Result<(), StoreError> {
        let (_, captured) = self.at(n);
        let mut points = Merged::default();
        captured.each_group(self.range, |group| {
            if let Some(summary) = summary(group, step, self.range) {
                return Ok(take(Piece::Summary(summary)));
            }
            self.points(captured.number, group, &mut points)?;
            Ok(match points.within(self.range) {
                ([], _) => ControlFlow::Continue(()),
                (timestamps, values) => take(Piece::Points(timestamps, values)),
            })
        })
    }
}

/// The summary that stands for a group of segments, if one does.
fn summary<'a>(
    group: &[(usize, Segment<'a>)],
    step: Option<Step>,
    range: TimeRange,
) -> Option<&'a Summary> {
    let (step, [(_, segment)]) = (step?, group) else { return None };
    let summary = match segment.part {
        Part::Chunk(row) => &row.summary,
        Part::Block(block) => &block.summary,
        Part::Open(_) => return None,
    };
    let Summary { start, end, sum, .. } = *summary;
    let is_inside = range.contains(start) && range.contains(end);
    (is_inside && step.floor(start) == step.floor(end) && sum.is_finite()).then_some(summary)
}
