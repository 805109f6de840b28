//! The names of series in memory: their numbers, and which of them a selector means.
//!
//! Each text is there once and goes by a number. A name is the numbers of its texts, in one long
//! list; which series have a tag is a bitmap of their numbers (roaring: D. Lemire et al., "Roaring
//! Bitmaps: Implementation of an Optimized Software Library", 2018).

mod postings;
mod texts;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::ops::Bound;
use std::sync::Arc;

use apptuit_model::{Selector, Tags, TimeSeriesName};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use roaring::RoaringBitmap;

use self::postings::Postings;
use self::texts::Texts;
use crate::Suggest;

/// Every name that has a number, from 1. Readers see those that are published: the series with
/// committed points.
#[derive(Debug, Default)]
pub(super) struct Names {
    texts: Texts,
    /// Of each name the text of its metric, how many tags it has, and the texts of these, by key. In
    /// pieces, so that nothing is copied to grow.
    words: Vec<Vec<u32>>,
    /// Where the name of each number begins in `words`: the number of its piece, and the place there;
    /// [`NONE`] where there is none.
    starts: Vec<u32>,
    numbers: HashTable<u32>,
    hasher: RandomState,
    published: RoaringBitmap,
    /// The published series of each metric.
    metrics: BTreeMap<Arc<str>, RoaringBitmap>,
    /// The published series of each tag, by key and value.
    tags: BTreeMap<Arc<str>, Postings>,
}

const NONE: u32 = u32::MAX;
/// Words of a piece; the name that begins last may have more.
const PIECE_BITS: u32 = 18;

/// A name, its texts by number.
#[derive(Clone, Copy)]
struct Words<'a> {
    metric: u32,
    /// Keys and values.
    tags: &'a [[u32; 2]],
}

impl Names {
    /// The number of a name, if it has one.
    pub(super) fn number(&self, name: &TimeSeriesName) -> Option<u32> {
        let hash = self.hash(name.metric(), name.tags().iter());
        self.numbers.find(hash, |number| self.is(*number, name)).copied()
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> Option<TimeSeriesName> {
        let Words { metric, tags } = self.words(number)?;
        let text = |word: u32| Arc::clone(self.texts.get(word));
        let tags = tags.iter().map(|[key, value]| (text(*key), text(*value)));
        Some(TimeSeriesName::new(text(metric), tags.collect::<Tags>()))
    }

    /// The highest number given.
    pub(super) fn highest(&self) -> u32 {
        u32::try_from(self.starts.len()).expect("numbers are 32 bits")
    }

    /// How many names have a number.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many series readers see.
    pub(super) fn series(&self) -> u64 {
        self.published.len()
    }

    /// Whether readers see a series.
    pub(super) fn is_published(&self, number: u32) -> bool {
        self.published.contains(number)
    }

    /// Gives a name that has none the next number.
    pub(super) fn add(&mut self, name: &TimeSeriesName) -> u32 {
        let number = self.highest().checked_add(1).expect("memory ends before 2^32 series");
        self.insert(number, name);
        number
    }

    /// Adds a name under its number in the file and publishes it; `false` if the name has a number,
    /// or the number is not above all others.
    pub(super) fn load(&mut self, number: u32, name: &TimeSeriesName) -> bool {
        let is_new = number > self.highest() && self.number(name).is_none();
        if is_new {
            self.insert(number, name);
            self.publish(number);
        }
        is_new
    }

    fn insert(&mut self, number: u32, name: &TimeSeriesName) {
        self.starts.resize(at(number).expect("numbers are given from 1"), NONE);
        let count = u32::try_from(name.tags().len()).expect("memory ends before 2^32 tags");
        let has_room = |piece: &Vec<u32>| piece.len() < 1 << PIECE_BITS;
        if !self.words.last().is_some_and(has_room) {
            self.words.push(Vec::new());
        }
        let piece = self.words.len() - 1;
        let words = self.words.last_mut().expect("there is one with room");
        let start = u32::try_from((piece << PIECE_BITS) + words.len()).ok();
        let start = start.filter(|start| *start != NONE);
        self.starts.push(start.expect("memory ends before 2^32 texts of names"));
        words.extend([self.texts.number(name.metric()), count]);
        for (key, value) in name.tags().iter() {
            words.extend([self.texts.number(key), self.texts.number(value)]);
        }
        // Out of the way, so that the names can be hashed anew where it grows.
        let mut numbers = std::mem::take(&mut self.numbers);
        let hash = |number: &u32| self.words(*number).map_or(0, |words| self.hash_of(words));
        numbers.insert_unique(hash(&number), number, hash);
        self.numbers = numbers;
    }

    /// Shows a series to readers.
    pub(super) fn publish(&mut self, number: u32) {
        let Some(name) = self.name(number) else { return };
        if !self.published.insert(number) {
            return;
        }
        self.metrics.entry(self.texts.shared(name.metric())).or_default().insert(number);
        for (key, value) in name.tags().iter() {
            let values = self.tags.entry(self.texts.shared(key)).or_default();
            values.add(self.texts.shared(value), number);
        }
    }

    /// Hides series from readers. They keep their numbers, under which points may still come.
    pub(super) fn hide(&mut self, numbers: &[u32]) {
        for number in numbers {
            let Some(name) = self.name(*number) else { continue };
            if !self.published.remove(*number) {
                continue;
            }
            if let Some(of_metric) = self.metrics.get_mut(name.metric()) {
                of_metric.remove(*number);
                if of_metric.is_empty() {
                    self.metrics.remove(name.metric());
                }
            }
            for (key, value) in name.tags().iter() {
                let Some(values) = self.tags.get_mut(key) else { continue };
                values.remove(value, *number);
                if values.is_empty() {
                    self.tags.remove(key);
                }
            }
        }
    }

    /// The published series that a selector means; `None` if there is none of its metric.
    pub(super) fn matching(&self, selector: &Selector) -> Option<RoaringBitmap> {
        let mut found = self.metrics.get(selector.metric.as_str())?.clone();
        let none = Postings::default();
        for matcher in &selector.matchers {
            let values = self.tags.get(matcher.key()).unwrap_or(&none);
            // Whichever are fewer are looked at: the series, or the values.
            if found.len() < values.candidates(matcher) as u64 {
                let key = self.texts.find(matcher.key());
                let fits = |number: &u32| matcher.matches_value(self.value(*number, key));
                found = found.iter().filter(fits).collect();
            } else {
                values.keep(&mut found, matcher);
            }
        }
        Some(found)
    }

    /// At most `max` of the texts of published series that begin with `prefix`, sorted.
    pub(super) fn suggest(&self, what: Suggest<'_>, prefix: &str, max: usize) -> Vec<String> {
        match what {
            Suggest::Metrics => complete(starting_with(&self.metrics, prefix), max),
            Suggest::TagKeys(None) => complete(starting_with(&self.tags, prefix), max),
            Suggest::TagValues { metric: None, key: Some(key) } => {
                let values = self.tags.get(key);
                values.map_or_else(Vec::new, |values| complete(values.starting_with(prefix), max))
            }
            Suggest::TagValues { metric: None, key: None } => {
                let mut found = BTreeSet::new();
                for values in self.tags.values() {
                    found.extend(values.starting_with(prefix).take(max));
                }
                complete(found, max)
            }
            Suggest::TagKeys(Some(metric)) => {
                self.of_metric(metric, prefix, max, |[key, _]| Some(key))
            }
            Suggest::TagValues { metric: Some(metric), key } => {
                let key = key.map(|key| self.texts.find(key));
                self.of_metric(metric, prefix, max, |[of, value]| {
                    key.is_none_or(|key| key == Some(of)).then_some(value)
                })
            }
        }
    }

    /// What `part` gives of the tags of a metric's series.
    fn of_metric(
        &self,
        metric: &str,
        prefix: &str,
        max: usize,
        part: impl Fn([u32; 2]) -> Option<u32>,
    ) -> Vec<String> {
        let numbers = self.metrics.get(metric).into_iter().flatten();
        let tags = numbers.filter_map(|number| self.words(number)).flat_map(|words| words.tags);
        let words: HashSet<u32> = tags.filter_map(|tag| part(*tag)).collect();
        let texts = words.into_iter().map(|word| self.texts.get(word));
        complete(texts.filter(|text| text.starts_with(prefix)).collect::<BTreeSet<_>>(), max)
    }

    fn words(&self, number: u32) -> Option<Words<'_>> {
        let start = *self.starts.get(at(number)?)?;
        let piece = self.words.get((start >> PIECE_BITS) as usize)?;
        let words = piece.get(start as usize % (1 << PIECE_BITS)..)?;
        let [metric, count, rest @ ..] = words else { return None };
        let (pairs, _) = rest.as_chunks();
        Some(Words { metric: *metric, tags: pairs.get(..*count as usize)? })
    }

    fn is(&self, number: u32, name: &TimeSeriesName) -> bool {
        let is = |word: u32, text: &str| **self.texts.get(word) == *text;
        self.words(number).is_some_and(|Words { metric, tags }| {
            tags.len() == name.tags().len()
                && is(metric, name.metric())
                && tags.iter().zip(name.tags().iter()).all(|([key, value], (other, of_other))| {
                    is(*key, other) && is(*value, of_other)
                })
        })
    }

    fn hash_of(&self, Words { metric, tags }: Words<'_>) -> u64 {
        let text = |word: u32| &**self.texts.get(word);
        self.hash(text(metric), tags.iter().map(|[key, value]| (text(*key), text(*value))))
    }

    fn hash<'a>(&self, metric: &str, tags: impl Iterator<Item = (&'a str, &'a str)>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        metric.hash(&mut hasher);
        tags.for_each(|tag| tag.hash(&mut hasher));
        hasher.finish()
    }

    /// The value that a series has for the text of a key.
    fn value(&self, number: u32, key: Option<u32>) -> Option<&str> {
        let tags = self.words(number)?.tags;
        let [_, value] = tags.iter().find(|[of, _]| Some(*of) == key)?;
        Some(self.texts.get(*value))
    }
}

fn at(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// The keys of a map that begin with `prefix`, sorted.
fn starting_with<'a, T>(
    map: &'a BTreeMap<Arc<str>, T>,
    prefix: &str,
) -> impl Iterator<Item = &'a Arc<str>> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    map.range::<str, _>(from).map(|(text, _)| text).take_while(move |text| text.starts_with(prefix))
}

fn complete<'a>(texts: impl IntoIterator<Item = &'a Arc<str>>, max: usize) -> Vec<String> {
    texts.into_iter().take(max).map(|text| text.as_ref().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use apptuit_model::{MatchOp, TagMatcher};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// `cpu` of the hosts a and b and `ram` of a.
    fn names() -> Names {
        let mut names = Names::default();
        for name in [("cpu", "a"), ("cpu", "b"), ("ram", "a")] {
            add(&mut names, (name.0, [("host", name.1)]).into());
        }
        names
    }

    #[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
    fn add(names: &mut Names, name: TimeSeriesName) {
        let number = names.add(&name);
        names.publish(number);
    }

    fn matching(names: &Names, selector: &Selector) -> Option<Vec<String>> {
        let numbers = names.matching(selector)?;
        Some(numbers.iter().map(|number| names.name(number).unwrap().to_string()).collect())
    }

    #[test]
    fn matchers_choose_the_series() {
        let matcher = TagMatcher::new("host", MatchOp::NotEqual, "a").unwrap();
        let selector = Selector { metric: "cpu".to_owned(), matchers: vec![matcher] };
        assert_eq!(matching(&names(), &selector), Some(vec!["cpu{host:b}".to_owned()]));
    }

    #[test]
    fn names_of_every_piece_are_found() {
        let mut names = Names::default();
        let name = |n: u32| TimeSeriesName::from(("m", [("n", n.to_string())]));
        // More tags than a piece has room for, somewhere in between.
        let tags = (0..2_u32 << PIECE_BITS >> 1).map(|n| (format!("k{n}"), "v".to_owned()));
        let long = TimeSeriesName::new("m", tags.collect::<Tags>());
        for n in 1..1000 {
            assert_eq!(names.add(&name(n)), n);
        }
        assert_eq!(names.add(&long), 1000);
        let some = [1001, 30_000, 65_536, 80_000];
        for n in 1001..=80_000 {
            names.add(&name(n));
        }
        assert!(names.words.len() > 2);
        for n in [1, 999].into_iter().chain(some) {
            assert_eq!((names.number(&name(n)), names.name(n)), (Some(n), Some(name(n))));
        }
        assert_eq!((names.number(&long), names.name(1000)), (Some(1000), Some(long)));
    }

    #[test]
    fn a_name_is_seen_once_it_is_published() {
        let mut names = names();
        let disk = TimeSeriesName::from(("disk", [("path", "/")]));
        let number = names.add(&disk);
        assert_eq!((number, names.number(&disk), names.series()), (4, Some(4), 3));
        assert_eq!(matching(&names, &Selector::metric("disk")), None);
        assert!(names.suggest(Suggest::TagKeys(None), "p", 9).is_empty());
        names.publish(number);
        names.publish(number);
        assert_eq!(names.series(), 4);
        assert_eq!(matching(&names, &Selector::metric("disk")), Some(vec!["disk{path:/}".into()]));
        assert_eq!(names.suggest(Suggest::TagKeys(None), "p", 9), ["path"]);
    }

    #[test]
    fn a_hidden_series_is_seen_again_once_it_is_published() {
        let mut names = names();
        names.hide(&[2, 3]);
        assert_eq!((names.series(), names.number(&("ram", [("host", "a")]).into())), (1, Some(3)));
        assert_eq!(names.suggest(Suggest::Metrics, "", 9), ["cpu"]);
        assert_eq!(names.suggest(Suggest::TagValues { metric: None, key: None }, "", 9), ["a"]);
        names.publish(2);
        assert_eq!(
            names.suggest(Suggest::TagValues { metric: None, key: None }, "", 9),
            ["a", "b"]
        );
    }

    #[test]
    fn numbers_of_a_file_may_have_gaps_and_only_rise() {
        let mut names = names();
        assert!(names.load(9, &"nine".into()));
        assert!(!names.load(9, &"again".into()) && !names.load(10, &"nine".into()));
        assert_eq!((names.name(8), names.name(9)), (None, Some("nine".into())));
        assert_eq!(names.add(&"ten".into()), 10);
    }

    #[test]
    fn suggestions_are_sorted_and_begin_with_the_prefix() {
        let mut names = names();
        add(&mut names, ("cpu.user", [("home", "ab"), ("Host", "é")]).into());
        assert_eq!(names.suggest(Suggest::Metrics, "", 9), ["cpu", "cpu.user", "ram"]);
        assert_eq!(names.suggest(Suggest::Metrics, "cpu", 9), ["cpu", "cpu.user"]);
        assert_eq!(names.suggest(Suggest::Metrics, "cpu", 1), ["cpu"]);
        assert_eq!(names.suggest(Suggest::TagKeys(None), "h", 9), ["home", "host"]);
        let any = Suggest::TagValues { metric: None, key: None };
        assert_eq!(names.suggest(any, "", 9), ["a", "ab", "b", "é"]);
        assert!(names.suggest(any, "c", 9).is_empty());
        assert!(names.suggest(any, "", 0).is_empty());
    }

    #[test]
    fn suggestions_may_be_those_of_a_metric_and_of_a_key() {
        let mut names = names();
        add(&mut names, ("disk", [("host", "a"), ("path", "/a")]).into());
        let keys = |metric, prefix| names.suggest(Suggest::TagKeys(Some(metric)), prefix, 9);
        assert_eq!(keys("disk", ""), ["host", "path"]);
        assert_eq!(keys("disk", "p"), ["path"]);
        assert_eq!(keys("cpu", ""), ["host"]);
        assert!(keys("none", "").is_empty());
        let values = |metric, key, max| names.suggest(Suggest::TagValues { metric, key }, "", max);
        assert_eq!(values(Some("disk"), None, 9), ["/a", "a"]);
        assert_eq!(values(Some("cpu"), Some("host"), 9), ["a", "b"]);
        assert_eq!(values(None, Some("host"), 9), ["a", "b"]);
        assert_eq!(values(None, Some("path"), 9), ["/a"]);
        assert_eq!(values(Some("cpu"), Some("host"), 1), ["a"]);
        assert!(values(Some("cpu"), Some("path"), 9).is_empty());
    }

    #[test]
    fn the_text_of_names_is_shared() {
        let names = names();
        let name = |number| names.name(number).unwrap();
        let (one, two, three) = (name(1), name(2), name(3));
        assert!(std::ptr::eq(one.metric(), two.metric()));
        let host = |name: &TimeSeriesName| std::ptr::from_ref(name.tags().get("host").unwrap());
        assert_eq!(host(&one), host(&three));
    }

    const OPS: [MatchOp; 4] =
        [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
    const VALUES: [&str; 8] = ["", "a", "b", "ab", "b|a", "*", "a*|b", ".+"];

    proptest! {
        #[test]
        fn what_matches_is_what_matches_one_by_one(
            series in vec((0..2_usize, vec(prop::option::of(0..6_usize), 3)), 1..40),
            hidden in vec(1..40_u32, 0..9),
            matchers in vec((0..4_usize, 0..OPS.len(), 0..VALUES.len()), 0..4),
        ) {
            let key = |n: usize| format!("k{n}");
            let mut names = Names::default();
            for (metric, values) in &series {
                let tags = (0..).zip(values).filter_map(|(n, v)| Some((key(n), VALUES[(*v)?])));
                let name = TimeSeriesName::new(format!("m{metric}"), tags.collect::<Tags>());
                let number = names.number(&name).unwrap_or_else(|| names.add(&name));
                names.publish(number);
            }
            names.hide(&hidden);
            let matchers = matchers.into_iter().map(|(n, op, value)| {
                TagMatcher::new(key(n), OPS[op], VALUES[value].replace('*', if op < 2 { "*" } else { ".*" }))
            });
            let matchers = matchers.collect::<Result<_, _>>().unwrap();
            let selector = Selector { metric: "m0".to_owned(), matchers };
            let of_metric: Vec<u32> = (1..=names.highest())
                .filter(|number| names.is_published(*number))
                .filter(|number| names.name(*number).unwrap().metric() == "m0")
                .collect();
            let expected: Vec<u32> = of_metric
                .iter()
                .copied()
                .filter(|n| selector.matches_tags(names.name(*n).unwrap().tags()))
                .collect();
            let found = names.matching(&selector).map(|found| found.iter().collect());
            prop_assert_eq!(found, (!of_metric.is_empty()).then_some(expected));
        }
    }
}
