//! Which metrics have too many series, and because of which tag.

use std::collections::{BTreeMap, BTreeSet};

use apptuit_model::Tags;

use super::table::{OVERFLOW, Table, decoded};

/// A metric with several series, and the tag that makes them many.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offender {
    /// The metric.
    pub metric: String,
    /// How many series of it there are, instruments of different kinds and one name being one.
    pub series: usize,
    /// How often a further series was asked for and
    /// [not let in](crate::RegistryBuilder::max_series_per_metric).
    pub swallowed: u64,
    /// The key of the tag that has the most values among them.
    pub tag: String,
    /// How many values that is.
    pub values: usize,
}

/// The metrics that have tags, the worst first.
pub(super) fn offenders(table: &Table) -> Vec<Offender> {
    let mut metrics: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for instrument in table.iter() {
        let name = decoded(instrument.name());
        metrics.entry(name.metric().to_owned()).or_default().insert(name.tags().clone());
    }
    let offender = |(metric, series): (String, BTreeSet<Tags>)| {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (key, value) in series.iter().flat_map(Tags::iter) {
            values.entry(key).or_default().insert(value);
        }
        // The tag of the overflow series is ours: it is named only where there is no other.
        let rank = |(tag, values): &(&str, BTreeSet<&str>)| (*tag != OVERFLOW.0, values.len());
        let (tag, values) = values.into_iter().max_by_key(rank)?;
        Some(Offender {
            series: series.len(),
            swallowed: table.swallowed(&metric),
            tag: tag.to_owned(),
            values: values.len(),
            metric,
        })
    };
    let mut offenders: Vec<_> = metrics.into_iter().filter_map(offender).collect();
    offenders.sort_by_key(|it| std::cmp::Reverse((it.swallowed, it.series)));
    offenders
}
