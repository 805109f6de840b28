//! What is appended: points in columns, and how a resend of them is recognised.

use std::fmt;

use apptuit_model::{Timestamp, body_key};

/// The number a store gave a series. It means something only to the store that gave it, and only
/// while that store is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    /// For a store that numbers its series.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// Points of any series in three columns of equal length, in the order of their appending.
///
/// ```
/// use apptuit_model::Timestamp;
/// use apptuit_store::{Points, SeriesId};
///
/// let mut points = Points::default();
/// points.push(SeriesId::new(7), Timestamp::from_secs(60), 21.5);
/// assert_eq!((points.len(), points.values()), (1, &[21.5][..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    pub(crate) series: Vec<SeriesId>,
    pub(crate) timestamps: Vec<Timestamp>,
    pub(crate) values: Vec<f64>,
}

/// A part of [`Points`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'a> {
    pub(crate) series: &'a [SeriesId],
    pub(crate) timestamps: &'a [Timestamp],
    pub(crate) values: &'a [f64],
}

impl<'a> Columns<'a> {
    /// The first `count` points, and the others.
    pub(crate) fn split_at(self, count: usize) -> (Self, Self) {
        let (series, other_series) = self.series.split_at(count);
        let (timestamps, other_timestamps) = self.timestamps.split_at(count);
        let (values, other_values) = self.values.split_at(count);
        (
            Self { series, timestamps, values },
            Self { series: other_series, timestamps: other_timestamps, values: other_values },
        )
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (SeriesId, Timestamp, f64)> + 'a {
        let columns = self.timestamps.iter().zip(self.values);
        self.series.iter().zip(columns).map(|(series, (at, value))| (*series, *at, *value))
    }
}

impl Points {
    /// Adds a point after the others.
    pub fn push(&mut self, series: SeriesId, timestamp: Timestamp, value: f64) {
        self.series.push(series);
        self.timestamps.push(timestamp);
        self.values.push(value);
    }

    /// The number of points.
    pub const fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Removes all points, and keeps the memory for others.
    pub fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.values.clear();
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        Columns { series: &self.series, timestamps: &self.timestamps, values: &self.values }
    }

    /// The memory of the points.
    pub(crate) const fn bytes(&self) -> usize {
        self.len() * (size_of::<SeriesId>() + size_of::<Timestamp>() + size_of::<f64>())
    }

    /// The series of each point.
    pub fn series(&self) -> &[SeriesId] {
        &self.series
    }

    /// The instant of each point.
    pub fn timestamps(&self) -> &[Timestamp] {
        &self.timestamps
    }

    /// The value of each point.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// What makes a resend of points recognisable. The sender chooses it.
///
/// ```
/// use apptuit_store::IdempotencyKey;
///
/// assert!(IdempotencyKey::new("8e03978e-40d5-43dd-bc93-6894a57f9324").is_some());
/// assert!(IdempotencyKey::new("").is_none() && IdempotencyKey::new("two words").is_none());
/// // The first half of the second half of the points of `job-7`.
/// assert!(IdempotencyKey::new("job-7~10").is_some() && IdempotencyKey::new("job~7").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The most characters of a key.
    pub const MAX_LENGTH: usize = 64;

    /// A key of 1 to [`MAX_LENGTH`](Self::MAX_LENGTH) visible ASCII characters, and nothing else. A
    /// `~` is followed by digits 0 and 1: such a key is of a [part](apptuit_model::body_key).
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        let is_key =
            fits && text.bytes().all(|byte| byte.is_ascii_graphic()) && body_key::is_sound(text);
        is_key.then(|| Self(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The points are kept now.
    Now,
    /// Nothing was written: an append with this key was committed within the last 24 hours.
    Before,
}
