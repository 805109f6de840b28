//! Many values of one name.

use crate::{DataPoint, Tags, TimeSeriesName, Timestamp};

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

    /// The same points under another name.
    #[must_use]
    pub fn renamed(self, name: TimeSeriesName) -> Self {
        Self { name, ..self }
    }
}
