//! Points of one series from several places, put together.

use apptuit_model::{TimeRange, Timestamp};

use super::bytes::Damage;
use super::chunk;

/// Points in order of time, each instant once, in two columns of equal length.
#[derive(Debug, Default)]
pub(super) struct Merged {
    pub(super) timestamps: Vec<Timestamp>,
    pub(super) values: Vec<f64>,
    /// What the next overlay reads into.
    later: (Vec<Timestamp>, Vec<f64>),
}

impl Merged {
    /// Removes all points.
    pub(super) fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    /// Lays the points of a chunk over these: they were written later than all before.
    pub(super) fn overlay_chunk(&mut self, data: &[u8]) -> Result<(), Damage> {
        let (mut timestamps, mut values) = std::mem::take(&mut self.later);
        timestamps.clear();
        values.clear();
        let decoded = chunk::decode(data, &mut timestamps, &mut values);
        self.overlay(&timestamps, &values);
        self.later = (timestamps, values);
        decoded.map(|_| ())
    }

    /// Lays points, in order of time and each instant once, over these: they were written later.
    pub(super) fn overlay(&mut self, timestamps: &[Timestamp], values: &[f64]) {
        let Some(first) = timestamps.first() else { return };
        let keep = self.timestamps.partition_point(|at| at < first);
        if keep == self.timestamps.len() {
            self.timestamps.extend_from_slice(timestamps);
            self.values.extend_from_slice(values);
            return;
        }
        let (earlier, earlier_values) =
            (self.timestamps.split_off(keep), self.values.split_off(keep));
        let mut earlier = earlier.into_iter().zip(earlier_values).peekable();
        for (at, value) in timestamps.iter().zip(values) {
            while let Some(point) = earlier.next_if(|(before, _)| before < at) {
                self.push(point);
            }
            earlier.next_if(|(same, _)| same == at);
            self.push((*at, *value));
        }
        earlier.for_each(|point| self.push(point));
    }

    fn push(&mut self, (at, value): (Timestamp, f64)) {
        self.timestamps.push(at);
        self.values.push(value);
    }

    /// The points in a range.
    pub(super) fn within(&self, range: TimeRange) -> (&[Timestamp], &[f64]) {
        let start = self.timestamps.partition_point(|at| *at < range.start());
        let end = self.timestamps.partition_point(|at| *at <= range.end());
        let columns = (self.timestamps.get(start..end), self.values.get(start..end));
        (columns.0.unwrap_or_default(), columns.1.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_laid_over_wins(
            layers in prop::collection::vec(
                prop::collection::btree_map(0..40_i64, -9.0..9.0, 0..20), 0..5),
        ) {
            let (mut merged, mut expected) = (Merged::default(), BTreeMap::new());
            for layer in layers {
                let at = layer.keys().map(|at| Timestamp::from_millis(*at)).collect::<Vec<_>>();
                merged.overlay(&at, &layer.values().copied().collect::<Vec<_>>());
                expected.extend(layer);
            }
            let found = merged.timestamps.iter().map(|at| at.as_millis()).zip(merged.values);
            prop_assert!(found.eq(expected));
        }
    }
}
