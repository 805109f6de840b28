//! Tags: sorted, cheap to clone, merged by precedence.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The keys and values that tell the series of one metric apart.
///
/// Sorted by key, each key once. A clone shares the text, so that a thousand points of a series
/// hold one copy of it. Keys are free text here; the client sanitises or checks them when it sends.
///
/// ```
/// use apptuit_model::Tags;
///
/// let service = Tags::from([("service", "orders"), ("host", "a")]);
/// let own = Tags::from([("host", "b")]);
/// assert_eq!(own.merged_over(&service), Tags::from([("host", "b"), ("service", "orders")]));
/// ```
#[derive(Clone, Default, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "equal is what has equal text")]
pub struct Tags(
    /// `None` if there are none, which then takes no memory.
    Option<Arc<[Pair]>>,
);

type Pair = (Arc<str>, Arc<str>);

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    fn pairs(&self) -> &[Pair] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The number of tags.
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.pairs().binary_search_by(|(have, _)| (**have).cmp(key)).ok()?;
        self.pairs().get(at).map(|(_, value)| &**value)
    }

    /// Keys and values, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.pairs().iter().map(|(key, value)| (&**key, &**value))
    }

    /// These tags and those of `lower`; where both have a key, these win.
    #[must_use]
    pub fn merged_over(&self, lower: &Self) -> Self {
        if lower.is_empty() {
            return self.clone();
        }
        if self.is_empty() {
            return lower.clone();
        }
        // Both are in order, so that they only need to be laid side by side.
        let (mut own, mut lower) = (self.pairs(), lower.pairs());
        let mut merged = Vec::with_capacity(own.len() + lower.len());
        while let ([mine, after_mine @ ..], [theirs, after_theirs @ ..]) = (own, lower) {
            let order = mine.0.cmp(&theirs.0);
            merged.push(if order.is_gt() { theirs } else { mine }.clone());
            own = if order.is_le() { after_mine } else { own };
            lower = if order.is_ge() { after_theirs } else { lower };
        }
        merged.extend(own.iter().chain(lower).cloned());
        Self(Some(merged.into()))
    }

    /// These tags and one more; a tag of the same key is replaced.
    #[must_use]
    pub fn with(&self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.pairs().iter().cloned().chain([(key.into(), value.into())]).collect()
    }

    /// Those tags whose key satisfies `keep`.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        if self.pairs().iter().all(|(key, _)| keep(key)) {
            return self.clone();
        }
        self.pairs().iter().filter(|(key, _)| keep(key)).cloned().collect()
    }
}

/// Clones share their text, which then is not read.
impl PartialEq for Tags {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.pairs(), other.pairs()) || self.pairs() == other.pairs()
    }
}

/// Of two tags with one key, the later wins.
impl<K: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        let mut pairs: Vec<Pair> = pairs.collect();
        // As tags mostly come from where they were tags.
        if !pairs.is_sorted_by(|(one, _), (other, _)| one < other) {
            pairs = pairs.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        }
        Self((!pairs.is_empty()).then(|| pairs.into()))
    }
}

impl<K: Into<Arc<str>>, V: Into<Arc<str>>, const N: usize> From<[(K, V); N]> for Tags {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

/// `{host:a, type:idle}`, by key.
impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (n, (key, value)) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{key}:{value}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_equal_keys_wins() {
        assert_eq!(Tags::from([("k", "1"), ("k", "2")]).get("k"), Some("2"));
    }

    #[test]
    fn merging_keeps_own_values_and_adds_the_others() {
        let merged = Tags::from([("b", "own")]).merged_over(&Tags::from([("a", "x"), ("b", "y")]));
        assert_eq!(merged.to_string(), "{a:x, b:own}");
    }

    #[test]
    fn merging_is_the_same_as_telling_the_lower_tags_first() {
        // Each key is in neither, in one, or in both.
        for case in 0..1_u32 << 10 {
            let side = |bits: u32, value: &str| -> Tags {
                let keys = "abcde".chars().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
                keys.map(|(_, key)| (key.to_string(), value)).collect()
            };
            let (own, lower) = (side(case >> 5, "own"), side(case, "lower"));
            let told: Tags = lower.iter().chain(own.iter()).collect();
            assert_eq!(own.merged_over(&lower), told, "{own} over {lower}");
        }
    }

    #[test]
    fn a_missing_key_is_none_and_an_empty_value_is_not() {
        let tags = Tags::from([("k", "")]);
        assert_eq!((tags.get("k"), tags.get("l")), (Some(""), None));
    }

    #[test]
    fn equal_tags_in_any_order_are_equal() {
        assert_eq!(Tags::from([("a", "1"), ("b", "2")]), Tags::from([("b", "2"), ("a", "1")]));
    }
}
