//! The points of every series in memory, in order of time, rebuilt from the batches at open.

use apptuit_model::{TimeRange, Timestamp};

use super::batch::NumberedPoint;

/// The points that readers see. Series go by their number, from 1.
#[derive(Debug, Default)]
pub(super) struct Head {
    series: Vec<Series>,
    /// Series with late points.
    unsettled: Vec<u32>,
    points: u64,
}

impl Head {
    /// Adds points in the order of their appending. [`settle`](Self::settle) must follow before
    /// anyone reads.
    pub(super) fn add_points(&mut self, points: impl IntoIterator<Item = NumberedPoint>) {
        for point in points {
            let at = usize::try_from(point.series).expect("memory holds 2^32 series");
            if at >= self.series.len() {
                self.series.resize_with(at + 1, Series::default);
            }
            let Some(series) = self.series.get_mut(at) else { continue };
            let was_settled = series.late.is_empty();
            if series.push(point.timestamp, point.value) {
                self.points += 1;
            }
            if was_settled && !series.late.is_empty() {
                self.unsettled.push(point.series);
            }
        }
    }

    /// Puts late points in their places.
    pub(super) fn settle(&mut self) {
        for number in self.unsettled.drain(..) {
            let series = usize::try_from(number).ok().and_then(|at| self.series.get_mut(at));
            self.points += series.map_or(0, Series::settle);
        }
    }

    /// How many points there are, each instant of a series once.
    pub(super) fn points(&self) -> u64 {
        self.points
    }

    /// The points of a series in `range`, in two columns.
    pub(super) fn within(&self, number: u32, range: TimeRange) -> (&[Timestamp], &[f64]) {
        let series = usize::try_from(number).ok().and_then(|at| self.series.get(at));
        series.map_or((&[], &[]), |series| series.within(range))
    }
}

/// The points of a series: two columns, strictly increasing in time.
#[derive(Debug, Default)]
struct Series {
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
    /// Points before the last one, as they came; [`settle`](Self::settle) empties it. They are
    /// moved in together, so that a long column is not shifted for each.
    late: Vec<(Timestamp, f64)>,
}

impl Series {
    /// Whether a point was added, rather than replaced or put off.
    fn push(&mut self, timestamp: Timestamp, value: f64) -> bool {
        match (self.timestamps.last(), self.values.last_mut()) {
            (Some(last), _) if timestamp < *last => {
                self.late.push((timestamp, value));
                false
            }
            (Some(last), Some(replaced)) if timestamp == *last => {
                *replaced = value;
                false
            }
            _ => {
                self.timestamps.push(timestamp);
                self.values.push(value);
                true
            }
        }
    }

    /// How many points were added.
    fn settle(&mut self) -> u64 {
        let Some(first) = self.late.iter().map(|(timestamp, _)| *timestamp).min() else { return 0 };
        let before = self.timestamps.len();
        let keep = self.timestamps.partition_point(|timestamp| *timestamp < first);
        let tail = self.timestamps.split_off(keep).into_iter().zip(self.values.split_off(keep));
        let mut points: Vec<_> = tail.chain(std::mem::take(&mut self.late)).collect();
        // Stable: of equal timestamps the last to come stays last, and replaces the others. A late
        // point came after the one it meets in the column, which else would have been late itself.
        points.sort_by_key(|(timestamp, _)| *timestamp);
        for (timestamp, value) in points {
            self.push(timestamp, value);
        }
        (self.timestamps.len() - before) as u64
    }

    fn within(&self, range: TimeRange) -> (&[Timestamp], &[f64]) {
        let start = self.timestamps.partition_point(|timestamp| *timestamp < range.start());
        let end = self.timestamps.partition_point(|timestamp| *timestamp <= range.end());
        let columns = (self.timestamps.get(start..end), self.values.get(start..end));
        (columns.0.unwrap_or_default(), columns.1.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series 1 and 2 with the points (10, 1), (20, 2), (30, 3).
    fn head() -> Head {
        let mut head = Head::default();
        for series in 1..=2 {
            head.add_points([10, 20, 30].map(|millis| point(series, millis, millis as f64 / 10.0)));
        }
        head.settle();
        head
    }

    fn point(series: u32, millis: i64, value: f64) -> NumberedPoint {
        NumberedPoint { series, timestamp: Timestamp::from_millis(millis), value }
    }

    fn values(head: &Head, series: u32, start: i64, end: i64) -> Vec<f64> {
        let range = TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end));
        head.within(series, range).1.to_vec()
    }

    #[test]
    fn both_ends_of_a_range_are_in() {
        let head = head();
        assert_eq!(values(&head, 1, 10, 20), [1.0, 2.0]);
        assert_eq!(values(&head, 2, 11, 29), [2.0]);
        for (start, end) in [(31, 100), (11, 19), (30, 10)] {
            assert!(values(&head, 1, start, end).is_empty());
        }
        assert!(values(&head, 0, 0, 99).is_empty() && values(&head, 3, 0, 99).is_empty());
    }

    #[test]
    fn late_points_find_their_place_and_the_last_write_wins() {
        let mut head = head();
        let late = [(30, 3.5), (5, 0.5), (20, 2.5), (5, 0.7), (40, 4.0), (40, 4.5), (30, 3.7)];
        head.add_points(late.map(|(millis, value)| point(1, millis, value)));
        head.settle();
        assert_eq!(values(&head, 1, 0, 99), [0.7, 1.0, 2.5, 3.7, 4.5]);
        assert_eq!(values(&head, 2, 0, 99), [1.0, 2.0, 3.0]);
        assert_eq!(head.points(), 3 + 3 + 2);
    }
}
