//! A registry as points: what a reporter sends.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasher;

use apptuit_model::{DataPoint, NameError, TimeSeriesName, Timestamp, decode_metric};

use crate::{Metric, Reading, Registry};

/// The points of a registry, and what could not become one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Collected {
    /// One point a field, in the order of [`Registry::report`].
    pub points: Vec<DataPoint>,
    /// Instruments that were left out.
    pub skipped: Vec<Skipped>,
    /// Fields left out because they are infinite or not a number, such as a gauge never set.
    pub non_finite: u64,
}

/// An instrument that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, as it was registered.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A [report](Registry::report) of a registry as points of one instant.
///
/// A point is named `prefix`, name of the instrument, `.`, field, in free text: sanitising is left
/// to the sender. A name without tags that has a `{` is taken for a metric with
/// [encoded tags](apptuit_model::encode_metric); one that cannot be decoded is skipped.
///
/// Where instruments of several kinds have one name and report one field, one point is sent, with
/// the value of the last of counter, histogram, meter, timer, gauge.
///
/// ```
/// use apptuit_metrics::{Registry, collect::collect};
/// use apptuit_model::{DataPoint, Timestamp};
///
/// let registry = Registry::new();
/// registry.counter(r#"orders{"city": "blr"}"#).inc();
/// let noon = Timestamp::from_secs(43_200);
/// let collected = collect(&registry, "shop.", noon);
/// assert_eq!(
///     collected.points,
///     [DataPoint::new(("shop.orders.count", [("city", "blr")]), noon, 1.0)],
/// );
/// ```
pub fn collect(registry: &Registry, prefix: &str, timestamp: Timestamp) -> Collected {
    let mut collected = Collected::default();
    let mut merged = Merged::default();
    for metric in registry.report() {
        match readable(&metric) {
            Ok(name) => merged.add(name.into_owned(), metric.fields()),
            Err(reason) => {
                collected.skipped.push(Skipped { name: plain_text(&metric.name), reason });
            }
        }
    }
    for (name, fields) in merged.series {
        for (field, value) in fields {
            if value.is_finite() {
                let metric = format!("{prefix}{}.{field}", name.metric());
                let name = TimeSeriesName::new(metric, name.tags().clone());
                collected.points.push(DataPoint::new(name, timestamp, value));
            } else {
                collected.non_finite += 1;
            }
        }
    }
    collected
}

/// What of a registry is in no point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut {
    /// Instruments that were left out.
    pub skipped: Vec<Skipped>,
    /// Fields left out because they are infinite or not a number.
    pub non_finite: u64,
}

/// The same as [`collect`], with each point handed out as it is made, so that not all need to be
/// there at once. Points of names that several instruments have come last.
pub fn collect_each(
    registry: &Registry,
    prefix: &str,
    timestamp: Timestamp,
    mut take: impl FnMut(DataPoint),
) -> LeftOut {
    let (mut left, mut merged) = (LeftOut::default(), Merged::default());
    let metrics = registry.report();
    let names: Vec<_> = metrics.iter().map(readable).collect();
    let shared = Shared::of(names.iter().flatten().map(|name| &**name));
    let mut text = String::new();
    let mut hand_out = |name: &TimeSeriesName, fields: Fields| {
        let mut non_finite = 0;
        for (field, value) in fields {
            if !value.is_finite() {
                non_finite += 1;
                continue;
            }
            text.clear();
            text.extend([prefix, name.metric(), ".", field]);
            let name = TimeSeriesName::new(text.as_str(), name.tags().clone());
            take(DataPoint::new(name, timestamp, value));
        }
        non_finite
    };
    for (metric, name) in metrics.iter().zip(names) {
        match name {
            Ok(name) if shared.has(&name) => merged.add(name.into_owned(), metric.fields()),
            Ok(name) => left.non_finite += hand_out(&name, metric.fields()),
            Err(reason) => left.skipped.push(Skipped { name: plain_text(&metric.name), reason }),
        }
    }
    for (name, fields) in merged.series {
        left.non_finite += hand_out(&name, fields);
    }
    left
}

/// The names that more than one instrument may have, as hashes: names that are alone need not be
/// looked up one by one.
struct Shared {
    hasher: foldhash::fast::RandomState,
    hashes: Vec<u64>,
}

impl Shared {
    fn of<'n>(names: impl Iterator<Item = &'n TimeSeriesName>) -> Self {
        let hasher = foldhash::fast::RandomState::default();
        let mut hashes: Vec<_> = names.map(|name| hasher.hash_one(name)).collect();
        hashes.sort_unstable();
        let shared = hashes.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]);
        Self { hashes: shared.collect(), hasher }
    }

    fn has(&self, name: &TimeSeriesName) -> bool {
        !self.hashes.is_empty() && self.hashes.binary_search(&self.hasher.hash_one(name)).is_ok()
    }
}

type Fields = Vec<(&'static str, f64)>;

/// Fields by name, both in the order of their first appearance.
#[derive(Default)]
struct Merged {
    series: Vec<(TimeSeriesName, Fields)>,
    places: HashMap<TimeSeriesName, usize>,
}

impl Merged {
    fn add(&mut self, name: TimeSeriesName, fields: Fields) {
        match self.places.entry(name) {
            Entry::Vacant(vacant) => {
                self.series.push((vacant.key().clone(), fields));
                vacant.insert(self.series.len() - 1);
            }
            Entry::Occupied(occupied) => {
                let (_, have) = &mut self.series[*occupied.get()];
                for (field, value) in fields {
                    match have.iter_mut().find(|(name, _)| *name == field) {
                        Some((_, earlier)) => *earlier = value,
                        None => have.push((field, value)),
                    }
                }
            }
        }
    }
}

/// The decoded name of an instrument that could be read, or what is wrong with it.
fn readable(metric: &Metric) -> Result<Cow<'_, TimeSeriesName>, String> {
    if let Reading::Failed(reason) = &metric.reading {
        return Err(reason.clone());
    }
    decoded(&metric.name).map_err(|error| error.to_string())
}

/// The name with the tags that its text encodes.
pub(crate) fn decoded(name: &TimeSeriesName) -> Result<Cow<'_, TimeSeriesName>, NameError> {
    let text = name.metric();
    let is_plain = !text.is_empty() && !text.contains('{') && text.trim().len() == text.len();
    if name.tags().is_empty() && !is_plain {
        return decode_metric(text).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(name))
}

/// The name as its user wrote it.
pub(crate) fn plain_text(name: &TimeSeriesName) -> String {
    if name.tags().is_empty() { name.metric().to_owned() } else { name.to_string() }
}
