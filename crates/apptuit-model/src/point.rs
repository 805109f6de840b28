//! One value at one time.

use crate::{Tags, TimeSeriesName, Timestamp};

/// One value of one series at one instant.
///
/// ```
/// use apptuit_model::{DataPoint, Timestamp};
///
/// let point = DataPoint::new(("room.celsius", [("room", "lab")]), Timestamp::from_secs(60), 21.5);
/// assert_eq!(point.metric(), "room.celsius");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DataPoint {
    name: TimeSeriesName,
    timestamp: Timestamp,
    value: f64,
}

impl DataPoint {
    /// The value of the series `name` at `timestamp`.
    pub fn new(name: impl Into<TimeSeriesName>, timestamp: Timestamp, value: f64) -> Self {
        Self { name: name.into(), timestamp, value }
    }

    /// The series it belongs to.
    pub fn name(&self) -> &TimeSeriesName {
        &self.name
    }

    /// What is measured.
    pub fn metric(&self) -> &str {
        self.name.metric()
    }

    /// The tags of the series.
    pub fn tags(&self) -> &Tags {
        self.name.tags()
    }

    /// When.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// How much.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The same value at the same instant of another series.
    #[must_use]
    pub fn renamed(self, name: TimeSeriesName) -> Self {
        Self { name, ..self }
    }
}
