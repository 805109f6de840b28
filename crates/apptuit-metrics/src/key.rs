//! By what instruments are asked for: names, and names whose hash is known.

use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use apptuit_model::{Tags, TimeSeriesName};

/// Drawn anew by each process, so that nobody can choose tags whose hashes collide.
static HASH: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);

/// A name that an instrument can be asked for by.
///
/// Text names a metric without tags; `("orders", [("city", "blr")])` names one with tags, in any
/// order, and of two tags with one key the later counts. Nothing is allocated to look an instrument
/// up that exists.
///
/// ```
/// use apptuit_metrics::Registry;
///
/// let registry = Registry::new();
/// let city = String::from("blr");
/// registry.counter(("orders", [("city", &city)])).inc();
/// registry.counter("orders").inc();
/// assert_eq!(registry.len(), 2);
/// ```
pub trait Named: sealed::Named {}

impl<N: sealed::Named> Named for N {}

/// A name and its hash: an instrument asked for by a key need not have its name hashed again.
///
/// ```
/// use apptuit_metrics::{Key, Registry};
///
/// let key = Key::new(("orders", [("city", "blr")]));
/// let registry = Registry::new();
/// registry.counter(&key).inc();
/// assert_eq!(registry.counter(("orders", [("city", "blr")])).count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Key {
    name: TimeSeriesName,
    hash: u64,
}

impl Key {
    /// The key of a name.
    pub fn new(name: impl Named) -> Self {
        Self { hash: name.hash(), name: name.into_name() }
    }

    /// The name.
    pub fn name(&self) -> &TimeSeriesName {
        &self.name
    }
}

pub(crate) mod sealed {
    use apptuit_model::TimeSeriesName;

    /// What the registry asks of a name.
    pub trait Named {
        /// The same for equal names, whatever their type.
        fn hash(&self) -> u64;

        /// Whether it names the same series.
        fn is(&self, name: &TimeSeriesName) -> bool;

        /// The name itself.
        fn into_name(self) -> TimeSeriesName;
    }
}

pub(crate) fn hash<'a>(metric: &str, tags: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut hasher = HASH.build_hasher();
    hasher.write(metric.as_bytes());
    for (key, value) in tags {
        // No text has these bytes, so where one part ends and the next begins is hashed too.
        hasher.write_u8(0xfe);
        hasher.write(key.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(value.as_bytes());
    }
    hasher.finish()
}

impl sealed::Named for &str {
    #[inline]
    fn hash(&self) -> u64 {
        hash(self, std::iter::empty())
    }

    #[inline]
    fn is(&self, name: &TimeSeriesName) -> bool {
        name.metric() == *self && name.tags().is_empty()
    }

    fn into_name(self) -> TimeSeriesName {
        self.into()
    }
}

impl sealed::Named for String {
    fn hash(&self) -> u64 {
        self.as_str().hash()
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        self.as_str().is(name)
    }

    fn into_name(self) -> TimeSeriesName {
        self.into()
    }
}

impl sealed::Named for &String {
    fn hash(&self) -> u64 {
        self.as_str().hash()
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        self.as_str().is(name)
    }

    fn into_name(self) -> TimeSeriesName {
        self.as_str().into()
    }
}

impl sealed::Named for &TimeSeriesName {
    fn hash(&self) -> u64 {
        hash(self.metric(), self.tags().iter())
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        *self == name
    }

    fn into_name(self) -> TimeSeriesName {
        self.clone()
    }
}

impl sealed::Named for TimeSeriesName {
    fn hash(&self) -> u64 {
        (&self).hash()
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        self == name
    }

    fn into_name(self) -> TimeSeriesName {
        self
    }
}

impl sealed::Named for &Key {
    #[inline]
    fn hash(&self) -> u64 {
        self.hash
    }

    #[inline]
    fn is(&self, name: &TimeSeriesName) -> bool {
        self.name == *name
    }

    fn into_name(self) -> TimeSeriesName {
        self.name.clone()
    }
}

impl<M: AsRef<str>> sealed::Named for (M, Tags) {
    fn hash(&self) -> u64 {
        (&self.0, &self.1).hash()
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        (&self.0, &self.1).is(name)
    }

    fn into_name(self) -> TimeSeriesName {
        TimeSeriesName::new(self.0.as_ref(), self.1)
    }
}

impl<M: AsRef<str>> sealed::Named for (M, &Tags) {
    fn hash(&self) -> u64 {
        hash(self.0.as_ref(), self.1.iter())
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        name.metric() == self.0.as_ref() && name.tags() == self.1
    }

    fn into_name(self) -> TimeSeriesName {
        TimeSeriesName::new(self.0.as_ref(), self.1.clone())
    }
}

impl<M: AsRef<str>, K: AsRef<str>, V: AsRef<str>, const N: usize> sealed::Named
    for (M, [(K, V); N])
{
    fn hash(&self) -> u64 {
        let (pairs, len) = sorted(&self.1);
        hash(self.0.as_ref(), pairs.into_iter().take(len))
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        let (pairs, len) = sorted(&self.1);
        name.metric() == self.0.as_ref() && name.tags().iter().eq(pairs.into_iter().take(len))
    }

    fn into_name(self) -> TimeSeriesName {
        let (pairs, len) = sorted(&self.1);
        TimeSeriesName::new(self.0.as_ref(), pairs.into_iter().take(len).collect::<Tags>())
    }
}

/// Pairs by key, as [`Tags`] has them, and how many there are: of two with one key the later stays.
fn sorted<K: AsRef<str>, V: AsRef<str>, const N: usize>(
    pairs: &[(K, V); N],
) -> ([(&str, &str); N], usize) {
    sort(pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))
}

/// The same of at most `N` pairs.
pub(crate) fn sort<'a, const N: usize>(
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> ([(&'a str, &'a str); N], usize) {
    let (mut sorted, mut len) = ([("", ""); N], 0);
    for (key, value) in pairs {
        match sorted[..len].binary_search_by(|(have, _)| have.cmp(&key)) {
            Ok(at) => sorted[at].1 = value,
            Err(at) => {
                sorted[at..=len].rotate_right(1);
                sorted[at] = (key, value);
                len += 1;
            }
        }
    }
    (sorted, len)
}

#[cfg(test)]
mod tests {
    use super::sealed::Named;
    use super::*;

    #[test]
    fn one_name_has_one_hash_however_it_is_written() {
        let tags = Tags::from([("a", "1"), ("b", "2")]);
        let name = TimeSeriesName::new("m", tags.clone());
        let hashes = [
            name.hash(),
            name.clone().hash(),
            ("m", tags.clone()).hash(),
            ("m", &tags).hash(),
            ("m", [("a", "1"), ("b", "2")]).hash(),
            (String::from("m"), [("b", "2"), ("a", "1")]).hash(),
            ("m", [("b", "0"), ("a", "1"), ("b", "2")]).hash(),
            (&Key::new(("m", &tags))).hash(),
        ];
        assert_eq!(hashes, [name.hash(); 8]);
        let doubled = ("m", [("b", "0"), ("a", "1"), ("b", "2")]);
        assert!(doubled.is(&name) && ("m", &tags).is(&name) && (&Key::new(&name)).is(&name));
        assert_eq!((doubled.into_name(), ("m", tags).into_name()), (name.clone(), name));
        assert_eq!("m".hash(), ("m", Tags::new()).hash());
    }

    #[test]
    fn where_parts_end_is_part_of_the_hash() {
        let names = [
            ("m", [("ab", "c")]).hash(),
            ("m", [("a", "bc")]).hash(),
            ("ma", [("b", "c")]).hash(),
            "mabc".hash(),
        ];
        for (n, one) in names.iter().enumerate() {
            assert!(!names[n + 1..].contains(one), "{names:?}");
        }
        assert!(!("m", [("ab", "c")]).is(&("m", [("a", "bc")]).into_name()));
    }
}
