//! Which series have a value for a key.

use std::collections::BTreeMap;
use std::sync::Arc;

use apptuit_model::{MatchOp, TagMatcher};
use roaring::RoaringBitmap;

use super::starting_with;

/// The series of each value of one key. No value is without.
#[derive(Debug, Default)]
pub(super) struct Postings(BTreeMap<Arc<str>, Posting>);

/// Numbers of series. Of a value that tells series apart there are many with one.
#[derive(Debug)]
enum Posting {
    One(u32),
    Many(RoaringBitmap),
}

impl Postings {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a series a value.
    pub(super) fn add(&mut self, value: Arc<str>, series: u32) {
        let posting = self.0.entry(value).or_insert(Posting::One(series));
        match posting {
            Posting::One(other) if *other == series => {}
            Posting::One(other) => *posting = Posting::Many([*other, series].into_iter().collect()),
            Posting::Many(all) => {
                all.insert(series);
            }
        }
    }

    /// Takes a value from a series.
    pub(super) fn remove(&mut self, value: &str, series: u32) {
        let is_last = match self.0.get_mut(value) {
            Some(Posting::One(other)) => *other == series,
            Some(Posting::Many(all)) => {
                all.remove(series);
                all.is_empty()
            }
            None => false,
        };
        if is_last {
            self.0.remove(value);
        }
    }

    /// The values that begin with `prefix`, sorted.
    pub(super) fn starting_with(&self, prefix: &str) -> impl Iterator<Item = &Arc<str>> {
        starting_with(&self.0, prefix)
    }

    /// How many values [`keep`](Self::keep) looks at.
    pub(super) fn candidates(&self, matcher: &TagMatcher) -> usize {
        listed(matcher).map_or(self.0.len(), Iterator::count)
    }

    /// Keeps of `found` the series that satisfy a matcher of this key.
    pub(super) fn keep(&self, found: &mut RoaringBitmap, matcher: &TagMatcher) {
        // What holds for series without the tag holds for all but some; otherwise for some only.
        let without = matcher.matches_value(None);
        let mut some = RoaringBitmap::new();
        let mut take = |value: &str, posting: &Posting| {
            if matcher.matches_value(Some(value)) != without {
                match posting {
                    Posting::One(series) => _ = some.insert(*series),
                    Posting::Many(series) => some |= series,
                }
            }
        };
        match listed(matcher) {
            Some(values) => {
                let known = |value| self.0.get_key_value(value);
                values.filter_map(known).for_each(|(value, posting)| take(value, posting));
            }
            None => self.0.iter().for_each(|(value, posting)| take(value, posting)),
        }
        if without {
            *found -= some;
        } else {
            *found &= some;
        }
    }
}

/// The values among which all are that a matcher tells from a missing one, where it names them.
fn listed(matcher: &TagMatcher) -> Option<impl Iterator<Item = &str>> {
    let text = matcher.value();
    let is_plain = matches!(matcher.op(), MatchOp::Equal | MatchOp::NotEqual)
        && !text.is_empty()
        && !text.contains('*');
    is_plain.then(|| text.split('|').chain([text]))
}
