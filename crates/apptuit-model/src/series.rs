//! Many values of one name.

use crate::{DataPoint, Tags, TimeRange, TimeSeriesName, Timestamp};

/// One name, and its values at their timestamps.
///
/// Timestamps and values are two columns of equal length. [`push`](Self::push) keeps the order it
/// is called in; series that come out of a store or a query are strictly increasing in time.
///
/// ```
/// use apptuit_model::{TimeSeries, Timestamp};
///
/// let mut series = TimeSeries::new("room.celsius");
/// series.push(Timestamp::from_secs(60), 21.5);
/// assert_eq!(series.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSeries {
    name: TimeSeriesName,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
}

impl TimeSeries {
    /// A series without points.
    pub fn new(name: impl Into<TimeSeriesName>) -> Self {
        Self { name: name.into(), timestamps: Vec::new(), values: Vec::new() }
    }

    /// A series of the given points.
    pub fn from_points(
        name: impl Into<TimeSeriesName>,
        points: impl IntoIterator<Item = (Timestamp, f64)>,
    ) -> Self {
        let (timestamps, values) = points.into_iter().unzip();
        Self { name: name.into(), timestamps, values }
    }

    /// A series of two columns.
    ///
    /// # Panics
    ///
    /// One column is longer than the other.
    pub fn from_columns(
        name: impl Into<TimeSeriesName>,
        timestamps: Vec<Timestamp>,
        values: Vec<f64>,
    ) -> Self {
        assert_eq!(timestamps.len(), values.len(), "each timestamp has one value");
        Self { name: name.into(), timestamps, values }
    }

    /// Adds a point at the end.
    pub fn push(&mut self, timestamp: Timestamp, value: f64) {
        self.timestamps.push(timestamp);
        self.values.push(value);
    }

    /// The metric and the tags.
    pub fn name(&self) -> &TimeSeriesName {
        &self.name
    }

    /// What is measured.
    pub fn metric(&self) -> &str {
        self.name.metric()
    }

    /// What tells this series from others of its metric.
    pub fn tags(&self) -> &Tags {
        self.name.tags()
    }

    /// When each value was.
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// The values, one a timestamp.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Timestamps with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, f64)> + '_ {
        self.timestamps.iter().copied().zip(self.values.iter().copied())
    }

    /// The points one by one, each with the series' name.
    pub fn points(&self) -> impl ExactSizeIterator<Item = DataPoint> + '_ {
        self.iter().map(|(timestamp, value)| DataPoint::new(&self.name, timestamp, value))
    }

    /// The name and the two columns.
    pub fn into_columns(self) -> (TimeSeriesName, Vec<Timestamp>, Vec<f64>) {
        (self.name, self.timestamps, self.values)
    }

    /// The points that lie in `range`.
    #[must_use]
    pub fn within(mut self, range: TimeRange) -> Self {
        if self.timestamps.iter().all(|instant| range.contains(*instant)) {
            return self;
        }
        let mut kept = 0;
        for n in 0..self.len() {
            if range.contains(self.timestamps[n]) {
                self.timestamps[kept] = self.timestamps[n];
                self.values[kept] = self.values[n];
                kept += 1;
            }
        }
        self.timestamps.truncate(kept);
        self.values.truncate(kept);
        self
    }

    /// The same points under another name.
    #[must_use]
    pub fn renamed(self, name: TimeSeriesName) -> Self {
        Self { name, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_beside_the_range_are_cut_in_whatever_order_they_are() {
        let at = Timestamp::from_secs;
        let points = [(9, 1.0), (3, 2.0), (4, 3.0), (1, 4.0), (6, 5.0), (5, 6.0)];
        let series = TimeSeries::from_points("m", points.map(|(secs, value)| (at(secs), value)));
        let cut = series.clone().within(TimeRange::new(at(3), at(5)));
        assert_eq!(cut.iter().collect::<Vec<_>>(), [(at(3), 2.0), (at(4), 3.0), (at(5), 6.0)]);
        assert_eq!(series.clone().within(TimeRange::ALL), series);
        assert!(series.within(TimeRange::new(at(5), at(3))).is_empty());
    }

    #[test]
    #[should_panic(expected = "each timestamp has one value")]
    fn columns_of_two_lengths_are_no_series() {
        let _ = TimeSeries::from_columns("m", vec![Timestamp::default()], vec![]);
    }
}
