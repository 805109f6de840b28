//! Frames: the sets of series that operators take and give.

use std::cmp::Ordering;

use apptuit_model::{Tags, Timestamp};

/// An ordered set of series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) series: Vec<Series>,
}

impl Frame {
    /// Series in the order of their tags.
    pub(crate) fn sorted(mut series: Vec<Series>) -> Self {
        series.sort_by(Series::cmp_tags);
        Self { series }
    }

    /// The points of all series.
    pub(crate) fn points(&self) -> usize {
        self.series.iter().map(Series::len).sum()
    }
}

/// One series of a frame. Its metric is the frame's business, known before any data is read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) tags: Tags,
    /// Tags that members of it had and it does not, sorted.
    pub(crate) aggregated_tags: Vec<String>,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

impl Series {
    pub(crate) fn new(tags: Tags, aggregated_tags: Vec<String>) -> Self {
        Self { tags, aggregated_tags, timestamps: Vec::new(), values: Vec::new() }
    }

    /// A series without points that keeps the identity of this one.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(self.tags.clone(), self.aggregated_tags.clone())
    }

    /// Adds a point at the end; what is not finite becomes a hole.
    pub(crate) fn push(&mut self, timestamp: Timestamp, value: f64) {
        if value.is_finite() {
            self.timestamps.push(timestamp);
            self.values.push(value);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.timestamps.len()
    }

    pub(crate) fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, f64)> + '_ {
        self.timestamps.iter().copied().zip(self.values.iter().copied())
    }

    /// Order of the `key=value` texts, which is not that of the pairs where a key goes on after
    /// another's end with a character below `=`.
    pub(crate) fn cmp_tags(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.tags.iter(), other.tags.iter());
        loop {
            match (left.next(), right.next()) {
                (Some(a), Some(b)) => match text(a).cmp(text(b)) {
                    Ordering::Equal => {}
                    decided => return decided,
                },
                (a, b) => return a.is_some().cmp(&b.is_some()),
            }
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
        let none = Series::new(Tags::new(), Vec::new());
        let one = Series::new(Tags::from([("a", "1")]), Vec::new());
        assert_eq!(none.cmp_tags(&one), Ordering::Less);
    }
}
