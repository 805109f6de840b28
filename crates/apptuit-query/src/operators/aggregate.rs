//! One series for each group of series, instant by instant.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use apptuit_model::{Tags, Timestamp};

use crate::frame::{Columns, POINT_BYTES, Series};
use crate::operators::reduce::{Partial, Reducer};

/// Strays that wait, at the least, before they get cells of their own.
const FEW_STRAYS: usize = 1024;

/// Which series are one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Those that agree in these tags; a missing tag agrees with a missing one.
    By(BTreeSet<String>),
    /// Those that agree in all but these tags.
    Without(BTreeSet<String>),
}

impl Grouping {
    fn keeps(&self, key: &str) -> bool {
        match self {
            Self::By(keys) => keys.contains(key),
            Self::Without(keys) => !keys.contains(key),
        }
    }

    /// Writes what series of one group have in common, and others not.
    fn write_key(&self, tags: &Tags, key: &mut Vec<u8>) {
        // With its length, so that no text can pass for two; one byte more tells a missing one.
        let mut part = |text: Option<&str>| {
            key.push(u8::from(text.is_some()));
            let text = text.unwrap_or_default();
            key.extend_from_slice(&text.len().to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        };
        match self {
            Self::Without(_) => {
                for (tag, value) in tags.iter().filter(|(tag, _)| self.keeps(tag)) {
                    part(Some(tag));
                    part(Some(value));
                }
            }
            Self::By(keys) => keys.iter().for_each(|tag| part(tags.get(tag))),
        }
    }

    /// Numbers for groups, in the order of their first series.
    pub(crate) fn numbering(&self) -> Numbering<'_> {
        Numbering { grouping: self, numbers: HashMap::new(), key: Vec::new(), last: None }
    }
}

/// Groups by number.
pub(crate) struct Numbering<'a> {
    grouping: &'a Grouping,
    numbers: HashMap<Vec<u8>, usize>,
    key: Vec<u8>,
    /// The group of the series before, which its neighbour is mostly in, too.
    last: Option<(Vec<u8>, usize)>,
}

impl Numbering<'_> {
    /// The group of the series that has these tags.
    pub(crate) fn of(&mut self, tags: &Tags) -> usize {
        self.key.clear();
        self.grouping.write_key(tags, &mut self.key);
        if let Some((key, number)) = &self.last
            && *key == self.key
        {
            return *number;
        }
        let next = self.numbers.len();
        let number = *self.numbers.entry(self.key.clone()).or_insert(next);
        self.last = Some((self.key.clone(), number));
        number
    }
}

/// Groups, and how the values of a group at one instant become one.
///
/// A group has a value at every instant where one of its series has one. Nothing is interpolated: a
/// series without a point there takes no part. Values are taken in the order of the series.
///
/// The result has every tag that all series of the group have with one value, but for tags that were
/// grouped away by [`Grouping::Without`]; the keys of all other tags are its aggregated tags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aggregate {
    /// How.
    pub reducer: Reducer,
    /// Which.
    pub grouping: Grouping,
}

/// As a query writes it.
impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, keys) = match &self.grouping {
            Grouping::By(keys) if keys.is_empty() => return write!(f, "{}()", self.reducer),
            Grouping::By(keys) => ("by", keys),
            Grouping::Without(keys) => ("without", keys),
        };
        let keys = keys.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        write!(f, "{}({word}='{keys}')", self.reducer)
    }
}

/// A group whose series come one after the other.
pub(crate) struct Group {
    reducer: Reducer,
    /// The tags that all series so far have with one value.
    common: Option<Tags>,
    /// All tags that any has.
    seen: BTreeSet<String>,
    /// Instants that have a cell, ascending.
    instants: Vec<Timestamp>,
    cells: Vec<Partial>,
    /// Points at other instants, in the order of the series.
    strays: Vec<(Timestamp, f64)>,
}

impl Group {
    pub(crate) fn new(reducer: Reducer) -> Self {
        let (instants, cells, strays) = (Vec::new(), Vec::new(), Vec::new());
        Self { reducer, common: None, seen: BTreeSet::new(), instants, cells, strays }
    }

    /// Takes a series, in order.
    pub(crate) fn take(&mut self, tags: &Tags, aggregated_tags: &[String], points: &Columns) {
        self.take_tags(tags, aggregated_tags);
        if self.instants.is_empty() && self.strays.is_empty() {
            self.instants.extend_from_slice(points.timestamps());
            self.cells.resize(self.instants.len(), Partial::new(self.reducer));
        }
        // Mostly: series of one metric share their instants.
        if self.instants == points.timestamps() {
            Partial::take_each(&mut self.cells, self.reducer, points.values());
            return;
        }
        self.take_apart(points);
        if self.strays.len() > FEW_STRAYS.max(self.cells.len()) {
            self.settle();
        }
    }

    fn take_tags(&mut self, tags: &Tags, aggregated_tags: &[String]) {
        let keys = tags.iter().map(|(key, _)| key);
        for key in keys.chain(aggregated_tags.iter().map(String::as_str)) {
            if !self.seen.contains(key) {
                self.seen.insert(key.to_owned());
            }
        }
        self.common = Some(match self.common.take() {
            None => tags.clone(),
            Some(common) => common.filtered(|key| common.get(key) == tags.get(key)),
        });
    }

    /// Points at instants that have a cell go there, the others astray.
    fn take_apart(&mut self, points: &Columns) {
        let mut at = 0;
        for (instant, value) in points.iter() {
            let rest = self.instants.get(at..).unwrap_or_default();
            if rest.first() != Some(&instant) {
                at += rest.partition_point(|known| *known < instant);
            }
            match (self.instants.get(at), self.cells.get_mut(at)) {
                (Some(known), Some(cell)) if *known == instant => {
                    Partial::take_each(std::slice::from_mut(cell), self.reducer, &[value]);
                    at += 1;
                }
                _ => self.strays.push((instant, value)),
            }
        }
    }

    /// Gives the instants of the strays cells. An instant has a cell or strays, never both, so each
    /// cell has taken its values in order.
    fn settle(&mut self) {
        // Stable: values of one instant stay in the order of the series. Ascending runs, which the
        // series are, are merged.
        self.strays.sort_by_key(|(instant, _)| *instant);
        let old = self.instants.len();
        let mut instants = Vec::with_capacity(old + self.strays.len());
        let mut cells = Vec::with_capacity(old + self.strays.len());
        let mut known = self.instants.drain(..).zip(self.cells.drain(..)).peekable();
        for same in self.strays.chunk_by(|a, b| a.0 == b.0) {
            let Some((instant, _)) = same.first() else { continue };
            while let Some((earlier, cell)) = known.next_if(|(earlier, _)| earlier < instant) {
                instants.push(earlier);
                cells.push(cell);
            }
            let mut cell = Partial::new(self.reducer);
            for (_, value) in same {
                Partial::take_each(std::slice::from_mut(&mut cell), self.reducer, &[*value]);
            }
            instants.push(*instant);
            cells.push(cell);
        }
        for (later, cell) in known {
            instants.push(later);
            cells.push(cell);
        }
        (self.instants, self.cells) = (instants, cells);
        self.strays.clear();
    }

    /// About what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let cell = size_of::<Timestamp>() + size_of::<Partial>();
        self.instants.len() * cell + self.strays.len() * POINT_BYTES
    }

    /// The series of the group.
    pub(crate) fn finish(mut self, grouping: &Grouping) -> Series {
        self.settle();
        let mut tags = self.common.unwrap_or_default();
        if let Grouping::Without(_) = grouping {
            tags = tags.filtered(|key| grouping.keeps(key));
        }
        let aggregated = self.seen.into_iter().filter(|key| tags.get(key).is_none()).collect();
        let mut output = Series::new(tags, aggregated);
        for (instant, cell) in self.instants.iter().zip(&self.cells) {
            output.points.push(*instant, cell.result(self.reducer));
        }
        output
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn values_of_an_instant_are_added_in_the_order_of_the_series_wherever_they_wait() {
        let mut group = Group::new(Reducer::Sum);
        let mut expected: BTreeMap<Timestamp, f64> = BTreeMap::new();
        for series in 0..40_i64 {
            let mut points = Columns::default();
            // Some share instants, none shares all of them, and later ones have more.
            for n in 0..100 + series {
                let instant = Timestamp::from_millis(n * (1 + series % 5) * 10 + series % 7);
                let value = 0.1 * (series * n + 1) as f64;
                points.push(instant, value);
                expected.entry(instant).and_modify(|sum| *sum += value).or_insert(value);
            }
            group.take(&Tags::new(), &[], &points);
        }
        assert!(group.cells.len() > FEW_STRAYS, "strays have got cells on the way");
        let sums: Vec<(Timestamp, f64)> =
            group.finish(&Grouping::By(BTreeSet::new())).iter().collect();
        assert_eq!(sums, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn no_two_groups_have_one_key() {
        let grouping = Grouping::By(["a", "b"].map(str::to_owned).into());
        let key = |tags: &[(&str, &str)]| {
            let mut key = Vec::new();
            grouping.write_key(&tags.iter().copied().collect(), &mut key);
            key
        };
        let keys = [
            key(&[]),
            key(&[("a", "")]),
            key(&[("b", "")]),
            key(&[("a", "xb")]),
            key(&[("a", "x"), ("b", "")]),
        ];
        assert_eq!(BTreeSet::from(keys).len(), 5);
        assert_eq!(key(&[("a", "x"), ("c", "y")]), key(&[("a", "x"), ("c", "z")]));
    }
}
