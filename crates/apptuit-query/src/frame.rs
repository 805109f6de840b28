//! Frames: the sets of series that operators take and give.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::ptr;

use apptuit_model::{Tags, Timestamp};

use crate::source::{Selection, SourceError, Take};

/// An ordered set of series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) series: Vec<Series>,
}

impl Frame {
    /// Series in the order of their tags.
    pub(crate) fn sorted(mut series: Vec<Series>) -> Self {
        series.sort_by(|a, b| cmp_tags(&a.tags, &b.tags));
        Self { series }
    }

    /// The points of all series.
    pub(crate) fn points(&self) -> usize {
        self.series.iter().map(Series::len).sum()
    }

    /// About what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.series.len() * size_of::<Series>() + self.points() * POINT_BYTES
    }
}

/// What a point takes in memory.
pub(crate) const POINT_BYTES: usize = size_of::<Timestamp>() + size_of::<f64>();

/// A frame can be gone through like what a source selects.
impl Selection for Frame {
    fn series(&self) -> usize {
        self.series.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        &self.at(n).tags
    }

    fn aggregated_tags(&self, n: usize) -> &[String] {
        &self.at(n).aggregated_tags
    }

    fn points(&self) -> Option<usize> {
        Some(self.points())
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let points = &self.at(n).points;
        let _: ControlFlow<()> = take(&points.timestamps, &points.values);
        Ok(())
    }
}

impl Frame {
    fn at(&self, n: usize) -> &Series {
        self.series.get(n).expect("there are that many series")
    }
}

/// One series of a frame. Its metric is the frame's business, known before any data is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) tags: Tags,
    /// Tags that members of it had and it does not, sorted.
    pub(crate) aggregated_tags: Vec<String>,
    pub(crate) points: Columns,
}

impl Series {
    pub(crate) fn new(tags: Tags, aggregated_tags: Vec<String>) -> Self {
        Self { tags, aggregated_tags, points: Columns::default() }
    }

    /// A series without points that keeps the identity of this one.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.tags.clone(), self.aggregated_tags.clone())
    }

    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, f64)> + '_ {
        self.points.iter()
    }
}

/// Instants, strictly ascending, and as many values, all finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

impl Columns {
    /// No points, and room for so many.
    pub(crate) fn with_capacity(points: usize) -> Self {
        Self { timestamps: Vec::with_capacity(points), values: Vec::with_capacity(points) }
    }

    /// Adds a point at the end; what is not finite becomes a hole.
    pub(crate) fn push(&mut self, timestamp: Timestamp, value: f64) {
        if value.is_finite() {
            self.timestamps.push(timestamp);
            self.values.push(value);
        }
    }

    /// Adds points at the end; those that are not finite become holes.
    pub(crate) fn extend(&mut self, timestamps: &[Timestamp], values: &[f64]) {
        if all_finite(values) {
            self.timestamps.extend_from_slice(timestamps);
            self.values.extend_from_slice(values);
        } else {
            for (timestamp, value) in timestamps.iter().zip(values) {
                self.push(*timestamp, *value);
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub(crate) fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, f64)> + '_ {
        self.timestamps.iter().copied().zip(self.values.iter().copied())
    }
}

/// Without a branch for each value, so that several are looked at in one step.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    values.iter().fold(true, |finite, value| finite & value.is_finite())
}

/// Order of the `key=value` texts, which is not that of the pairs where a key goes on after
/// another's end with a character below `=`.
pub(crate) fn cmp_tags(left: &Tags, right: &Tags) -> Ordering {
    let (mut left, mut right) = (left.iter(), right.iter());
    loop {
        let decided = match (left.next(), right.next()) {
            // Texts that are equal mostly are one and the same.
            (Some(a), Some(b)) if ptr::eq(a.0, b.0) && ptr::eq(a.1, b.1) => Ordering::Equal,
            (Some(a), Some(b)) if ptr::eq(a.0, b.0) || a.0 == b.0 => a.1.cmp(b.1),
            (Some(a), Some(b)) => text(a).cmp(text(b)),
            (a, b) => return a.is_some().cmp(&b.is_some()),
        };
        if decided != Ordering::Equal {
            return decided;
        }
    }
}

fn text<'a>((key, value): (&'a str, &'a str)) -> impl Iterator<Item = u8> + 'a {
    key.bytes().chain(*b"=").chain(value.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_ordered_by_the_text_of_their_tags() {
        let series = |key| Series::new(Tags::from([(key, "v")]), Vec::new());
        // `-` is below `=`, `_` above.
        let frame = Frame::sorted(vec![series("a_b"), series("a"), series("a-b")]);
        let keys: Vec<String> = frame.series.iter().map(|s| s.tags.to_string()).collect();
        assert_eq!(keys, ["{a-b:v}", "{a:v}", "{a_b:v}"]);
    }

    #[test]
    fn fewer_tags_come_before_more() {
        assert_eq!(cmp_tags(&Tags::new(), &Tags::from([("a", "1")])), Ordering::Less);
    }

    #[test]
    fn points_that_are_not_finite_are_left_out_of_many_too() {
        let mut columns = Columns::default();
        columns.extend(&[1, 2, 3].map(Timestamp::from_secs), &[1.0, f64::NAN, 3.0]);
        assert_eq!(columns.values(), [1.0, 3.0]);
        assert_eq!(columns.timestamps(), [1, 3].map(Timestamp::from_secs));
    }
}
