//! The identity of a series.

use std::fmt;
use std::sync::Arc;

use crate::limits::MAX_TAGS;
use crate::{NameError, Tags};

/// A metric and its tags: the identity of a series.
///
/// Free text, so that naming never fails; the client sanitises and checks names when it sends.
///
/// ```
/// use apptuit_model::TimeSeriesName;
///
/// let plain = TimeSeriesName::from("orders");
/// let tagged = TimeSeriesName::from(("orders", [("city", "blr")]));
/// assert_eq!(tagged.to_string(), "orders{city:blr}");
/// assert_eq!(plain.metric(), tagged.metric());
/// ```
#[derive(Clone, Debug, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "equal is what has equal text")]
pub struct TimeSeriesName {
    metric: Arc<str>,
    tags: Tags,
}

impl TimeSeriesName {
    /// The name of the series of `metric` with `tags`.
    pub fn new(metric: impl Into<Arc<str>>, tags: impl Into<Tags>) -> Self {
        Self { metric: metric.into(), tags: tags.into() }
    }

    /// What is measured.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// What tells this series from others of its metric.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The same metric with other tags.
    #[must_use]
    pub fn with_tags(&self, tags: Tags) -> Self {
        Self { metric: self.metric.clone(), tags }
    }

    /// Whether the number of its tags is one that can be sent, whatever it is called.
    ///
    /// # Errors
    ///
    /// It has no tags, or more than [`MAX_TAGS`].
    pub fn check_tags(&self) -> Result<(), NameError> {
        let metric = || self.metric.to_string();
        match self.tags.len() {
            0 => Err(NameError::NoTags { metric: metric() }),
            1..=MAX_TAGS => Ok(()),
            tags => Err(NameError::TooManyTags { metric: metric(), tags }),
        }
    }
}

/// Points of one series share its text, which then is not read.
impl PartialEq for TimeSeriesName {
    fn eq(&self, other: &Self) -> bool {
        (Arc::ptr_eq(&self.metric, &other.metric) || self.metric == other.metric)
            && self.tags == other.tags
    }
}

impl From<&str> for TimeSeriesName {
    fn from(metric: &str) -> Self {
        Self::new(metric, Tags::new())
    }
}

impl From<String> for TimeSeriesName {
    fn from(metric: String) -> Self {
        Self::new(metric, Tags::new())
    }
}

impl From<&Self> for TimeSeriesName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl<M: Into<Arc<str>>, T: Into<Tags>> From<(M, T)> for TimeSeriesName {
    fn from((metric, tags): (M, T)) -> Self {
        Self::new(metric, tags)
    }
}

/// `metric{key:value, …}` with keys sorted: also the name of a data frame's column.
impl fmt::Display for TimeSeriesName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.metric, self.tags)
    }
}
