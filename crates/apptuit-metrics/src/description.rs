//! What people should know about a metric.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::Registry;
use crate::instruments::lock;

/// What people should know about a metric: a sentence, a unit, and whether its counters only grow.
///
/// It is shown where a format has a place for it, such as the text that Prometheus reads (feature
/// `open-metrics`).
///
/// ```
/// use apptuit_metrics::{Description, Registry};
///
/// let registry = Registry::new();
/// registry.describe("basket", Description::new("Weight of a basket.").unit("grams"));
/// registry.describe("orders", Description::new("Orders accepted.").only_grows());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    text: Arc<str>,
    unit: Option<Arc<str>>,
    only_grows: bool,
}

impl Description {
    /// A sentence about what is measured.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The unit of the values, in the plural: `bytes`. That of a timer is seconds, whatever is said.
    #[must_use]
    pub fn unit(self, unit: impl Into<Arc<str>>) -> Self {
        Self { unit: Some(unit.into()), ..self }
    }

    /// The counters of the metric never go down.
    #[must_use]
    #[doc(alias = "monotonic")]
    pub fn only_grows(self) -> Self {
        Self { only_grows: true, ..self }
    }
}

impl Registry {
    /// Says what people should know about the metric of this name, whatever its kind and tags.
    ///
    /// A later description takes the place of an earlier one; that counters only grow stays true.
    #[doc(alias = "help")]
    pub fn describe(&self, metric: impl Into<Arc<str>>, description: Description) {
        self.descriptions().insert(metric.into(), description);
    }
}

/// Descriptions by metric.
#[derive(Debug, Default)]
pub(crate) struct Descriptions {
    by_metric: Mutex<HashMap<Arc<str>, Description>>,
}

impl Descriptions {
    fn insert(&self, metric: Arc<str>, description: Description) {
        let mut by_metric = lock(&self.by_metric);
        let have = by_metric.entry(metric).or_default();
        *have =
            Description { only_grows: have.only_grows || description.only_grows, ..description };
    }
}

#[cfg(feature = "metrics-facade")]
impl Descriptions {
    /// Says that the counters of a metric only grow.
    pub(crate) fn grows(&self, metric: &str) {
        let mut by_metric = lock(&self.by_metric);
        match by_metric.get_mut(metric) {
            Some(description) => description.only_grows = true,
            None => {
                by_metric.insert(metric.into(), Description::default().only_grows());
            }
        }
    }
}

#[cfg(feature = "open-metrics")]
impl Descriptions {
    pub(crate) fn get(&self, metric: &str) -> Description {
        lock(&self.by_metric).get(metric).cloned().unwrap_or_default()
    }
}

#[cfg(feature = "open-metrics")]
impl Description {
    pub(crate) fn text_of(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&*self.text)
    }

    pub(crate) fn unit_of(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    pub(crate) fn grows(&self) -> bool {
        self.only_grows
    }
}
