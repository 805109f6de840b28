//! The names of series in memory: their numbers, and which of them a selector means.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use apptuit_model::{Selector, Tags, TimeSeriesName};

use crate::Suggest;

/// Every name that has a number, from 1. Readers see those that are published: the series with
/// committed points.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_number: Vec<Option<TimeSeriesName>>,
    numbers: HashMap<TimeSeriesName, u32>,
    /// The one copy of each text.
    texts: HashSet<Arc<str>>,
    /// The published series of each metric.
    metrics: BTreeMap<Arc<str>, BTreeSet<u32>>,
    /// Of the published series.
    tag_keys: BTreeSet<Arc<str>>,
    /// Of the published series.
    tag_values: BTreeSet<Arc<str>>,
    published: Vec<bool>,
    series: usize,
}

impl Names {
    /// The number of a name, if it has one.
    pub(super) fn number(&self, name: &TimeSeriesName) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> Option<&TimeSeriesName> {
        self.by_number.get(at(number)?)?.as_ref()
    }

    /// The highest number given.
    pub(super) fn highest(&self) -> u32 {
        u32::try_from(self.by_number.len()).expect("numbers are 32 bits")
    }

    /// How many names have a number.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// How many series readers see.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    /// Whether readers see a series.
    pub(super) fn is_published(&self, number: u32) -> bool {
        at(number).and_then(|at| self.published.get(at)).is_some_and(|published| *published)
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
        let is_new = number > self.highest() && !self.numbers.contains_key(name);
        if is_new {
            self.insert(number, name);
            self.publish(number);
        }
        is_new
    }

    fn insert(&mut self, number: u32, name: &TimeSeriesName) {
        let metric = intern(&mut self.texts, name.metric());
        let tags = name
            .tags()
            .iter()
            .map(|(key, value)| (intern(&mut self.texts, key), intern(&mut self.texts, value)));
        let name = TimeSeriesName::new(metric, tags.collect::<Tags>());
        self.by_number.resize(at(number).expect("numbers are given from 1"), None);
        self.by_number.push(Some(name.clone()));
        self.published.resize(self.by_number.len(), false);
        self.numbers.insert(name, number);
    }

    /// Shows a series to readers.
    pub(super) fn publish(&mut self, number: u32) {
        let Some(name) = self.name(number).cloned() else { return };
        let Some(published) = at(number).and_then(|at| self.published.get_mut(at)) else { return };
        if std::mem::replace(published, true) {
            return;
        }
        self.series += 1;
        let metric = intern(&mut self.texts, name.metric());
        self.metrics.entry(metric).or_default().insert(number);
        for (key, value) in name.tags().iter() {
            self.tag_keys.insert(intern(&mut self.texts, key));
            self.tag_values.insert(intern(&mut self.texts, value));
        }
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "series will be deleted"))]
    /// Hides series from readers. They keep their numbers, under which points may still come.
    pub(super) fn hide(&mut self, numbers: &[u32]) {
        for number in numbers {
            let published = at(*number).and_then(|at| self.published.get_mut(at));
            if !published.is_some_and(|published| std::mem::replace(published, false)) {
                continue;
            }
            self.series -= 1;
            let Some(name) = self.name(*number).cloned() else { continue };
            if let Some(of_metric) = self.metrics.get_mut(name.metric()) {
                of_metric.remove(number);
                if of_metric.is_empty() {
                    self.metrics.remove(name.metric());
                }
            }
        }
        // Keys and values may still be those of others: they are collected anew.
        let shown = self.by_number.iter().zip(&self.published).filter(|(_, shown)| **shown);
        let tags: Vec<Tags> =
            shown.filter_map(|(name, _)| Some(name.as_ref()?.tags().clone())).collect();
        self.tag_keys.clear();
        self.tag_values.clear();
        for (key, value) in tags.iter().flat_map(Tags::iter) {
            self.tag_keys.insert(intern(&mut self.texts, key));
            self.tag_values.insert(intern(&mut self.texts, value));
        }
    }

    /// The published series that a selector means, by number; `None` if there is none of its metric.
    pub(super) fn matching<'a>(
        &'a self,
        selector: &'a Selector,
    ) -> Option<impl Iterator<Item = (u32, &'a TimeSeriesName)>> {
        let numbers = self.metrics.get(selector.metric.as_str())?;
        let named = numbers.iter().filter_map(|number| Some((*number, self.name(*number)?)));
        Some(named.filter(|(_, name)| selector.matches_tags(name.tags())))
    }

    /// At most `max` of the texts of published series that begin with `prefix`, sorted.
    pub(super) fn suggest(&self, what: Suggest<'_>, prefix: &str, max: usize) -> Vec<String> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        match what {
            Suggest::Metrics => {
                let metrics = self.metrics.range::<str, _>(from).map(|(metric, _)| metric);
                complete(metrics, prefix, max)
            }
            Suggest::TagKeys(None) => complete(self.tag_keys.range::<str, _>(from), prefix, max),
            Suggest::TagValues { metric: None, key: None } => {
                complete(self.tag_values.range::<str, _>(from), prefix, max)
            }
            Suggest::TagKeys(metric) => self.of_tags(metric, prefix, max, |(key, _)| Some(key)),
            Suggest::TagValues { metric, key } => {
                self.of_tags(metric, prefix, max, |(of, value)| {
                    key.is_none_or(|key| key == of).then_some(value)
                })
            }
        }
    }

    /// What `part` gives of the tags of a metric's series, or of all.
    fn of_tags<'a>(
        &'a self,
        metric: Option<&str>,
        prefix: &str,
        max: usize,
        part: impl Fn((&'a str, &'a str)) -> Option<&'a str>,
    ) -> Vec<String> {
        let of_metric = self.metrics.iter().filter(|(of, _)| metric.is_none_or(|m| m == &***of));
        let names = of_metric.flat_map(|(_, numbers)| numbers).filter_map(|n| self.name(*n));
        let texts = names.flat_map(|name| name.tags().iter().filter_map(&part));
        let found: BTreeSet<&str> = texts.filter(|text| text.starts_with(prefix)).collect();
        found.into_iter().take(max).map(str::to_owned).collect()
    }
}

fn at(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

fn intern(texts: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(known) = texts.get(text) {
        return Arc::clone(known);
    }
    let new: Arc<str> = Arc::from(text);
    texts.insert(Arc::clone(&new));
    new
}

fn complete<'a>(
    texts: impl Iterator<Item = &'a Arc<str>>,
    prefix: &str,
    max: usize,
) -> Vec<String> {
    texts
        .take_while(|text| text.starts_with(prefix))
        .take(max)
        .map(|text| text.as_ref().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use apptuit_model::{MatchOp, TagMatcher};

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
        Some(names.matching(selector)?.map(|(_, name)| name.to_string()).collect())
    }

    #[test]
    fn matchers_choose_the_series() {
        let matcher = TagMatcher::new("host", MatchOp::NotEqual, "a").unwrap();
        let selector = Selector { metric: "cpu".to_owned(), matchers: vec![matcher] };
        assert_eq!(matching(&names(), &selector), Some(vec!["cpu{host:b}".to_owned()]));
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
        assert_eq!((names.name(8), names.name(9)), (None, Some(&"nine".into())));
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
        assert!(std::ptr::eq(name(1).metric(), name(2).metric()));
        let host = |number| name(number).tags().get("host").unwrap();
        assert!(std::ptr::eq(host(1), host(3)));
    }
}
