//! The points of every series in memory, in order of time, rebuilt from the batches at open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};

use super::batch::NumberedPoint;
use crate::{ReadLimits, StoreError, StoreStats, Suggest};

/// What readers see. Series go by their number in the file, from 1.
#[derive(Debug, Default)]
pub(super) struct Head {
    series: Vec<Series>,
    numbers: HashMap<TimeSeriesName, u32>,
    /// The series of each metric. This and the sets below also hold the one copy of each text.
    metrics: BTreeMap<Arc<str>, Vec<u32>>,
    tag_keys: BTreeSet<Arc<str>>,
    tag_values: BTreeSet<Arc<str>>,
    /// Series with late points.
    unsettled: Vec<u32>,
    stats: StoreStats,
}

impl Head {
    /// The number of a series, if it is known.
    pub(super) fn number(&self, name: &TimeSeriesName) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// How many series there are: the highest number.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Adds a series under the next number; `false` if there is one of this name.
    pub(super) fn add_series<'a>(
        &mut self,
        metric: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        let number = number_after(self.series.len());
        let metric = match self.metrics.get_key_value(metric) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(metric),
        };
        let tags: Tags = tags
            .into_iter()
            .map(|(key, value)| {
                (intern(&mut self.tag_keys, key), intern(&mut self.tag_values, value))
            })
            .collect();
        let name = TimeSeriesName::new(Arc::clone(&metric), tags);
        if self.numbers.contains_key(&name) {
            return false;
        }
        self.metrics.entry(metric).or_default().push(number);
        self.numbers.insert(name.clone(), number);
        self.series.push(Series::new(name));
        self.stats.series += 1;
        true
    }

    /// Adds points in the order of their appending. [`settle`](Self::settle) must follow before
    /// anyone reads.
    pub(super) fn add_points(&mut self, points: impl IntoIterator<Item = NumberedPoint>) {
        for point in points {
            let series = at(point.series).and_then(|at| self.series.get_mut(at));
            let series = series.expect("a series is added before its points");
            let was_settled = series.late.is_empty();
            if series.push(point.timestamp, point.value) {
                self.stats.points += 1;
            }
            if was_settled && !series.late.is_empty() {
                self.unsettled.push(point.series);
            }
        }
    }

    /// Puts late points in their places.
    pub(super) fn settle(&mut self) {
        for number in self.unsettled.drain(..) {
            let series = at(number).and_then(|at| self.series.get_mut(at));
            self.stats.points += series.map_or(0, Series::settle);
        }
    }

    /// Counts a commit that `appends` shared.
    pub(super) fn count_commit(&mut self, appends: u64) {
        self.stats.commits += 1;
        self.stats.appends += appends;
    }

    pub(super) fn stats(&self) -> StoreStats {
        self.stats
    }

    pub(super) fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        let Some(numbers) = self.metrics.get(selector.metric.as_str()) else { return Ok(None) };
        let (mut found, mut points_left) = (Vec::new(), limits.max_points);
        for number in numbers {
            if limits.cancelled.as_ref().is_some_and(|cancelled| cancelled()) {
                return Err(StoreError::Cancelled);
            }
            let Some(series) = at(*number).and_then(|at| self.series.get(at)) else { continue };
            if !selector.matches_tags(series.name.tags()) {
                continue;
            }
            let (timestamps, values) = series.within(range);
            if timestamps.is_empty() {
                continue;
            }
            if found.len() == limits.max_series {
                return Err(exceeded(limits.max_series, "series"));
            }
            points_left = points_left
                .checked_sub(timestamps.len())
                .ok_or_else(|| exceeded(limits.max_points, "points"))?;
            let points = timestamps.iter().copied().zip(values.iter().copied());
            found.push(TimeSeries::from_points(&series.name, points));
        }
        Ok(Some(found))
    }

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
        let numbers = metric.map(|metric| self.metrics.get(metric).map_or(&[][..], Vec::as_slice));
        let of_metric = numbers.into_iter().flatten().filter_map(|number| at(*number));
        let all = if metric.is_none() { 0..self.series.len() } else { 0..0 };
        let series = of_metric.chain(all).filter_map(|at| self.series.get(at));
        let texts = series.flat_map(|series| series.name.tags().iter().filter_map(&part));
        let found: BTreeSet<&str> = texts.filter(|text| text.starts_with(prefix)).collect();
        found.into_iter().take(max).map(str::to_owned).collect()
    }
}

/// The number of the series that follows `count` others.
pub(super) fn number_after(count: usize) -> u32 {
    u32::try_from(count + 1).expect("memory ends before 2^32 series")
}

/// The points of a series: two columns, strictly increasing in time.
#[derive(Debug)]
struct Series {
    name: TimeSeriesName,
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
    /// Points before the last one, as they came; [`settle`](Self::settle) empties it. They are
    /// moved in together, so that a long column is not shifted for each.
    late: Vec<(Timestamp, f64)>,
}

impl Series {
    fn new(name: TimeSeriesName) -> Self {
        Self { name, timestamps: Vec::new(), values: Vec::new(), late: Vec::new() }
    }

    /// Whether a point was added, rather than replaced or put off.
    fn push(&mut self, timestamp: Timestamp, value: f64) -> bool {
        match (self.timestamps.last(), self.values.last_mut()) {
            (Some(last), _) if timestamp < *last => {
                self.late.push((timestamp, value));
                false
            }
            (Some(last), Some(replaced)) if timestamp == *last => {
                *replaced = value;
                false
            }
            _ => {
                self.timestamps.push(timestamp);
                self.values.push(value);
                true
            }
        }
    }

    /// How many points were added.
    fn settle(&mut self) -> u64 {
        let Some(first) = self.late.iter().map(|(timestamp, _)| *timestamp).min() else { return 0 };
        let before = self.timestamps.len();
        let keep = self.timestamps.partition_point(|timestamp| *timestamp < first);
        let tail = self.timestamps.split_off(keep).into_iter().zip(self.values.split_off(keep));
        let mut points: Vec<_> = tail.chain(std::mem::take(&mut self.late)).collect();
        // Stable: of equal timestamps the last to come stays last, and replaces the others. A late
        // point came after the one it meets in the column, which else would have been late itself.
        points.sort_by_key(|(timestamp, _)| *timestamp);
        for (timestamp, value) in points {
            self.push(timestamp, value);
        }
        (self.timestamps.len() - before) as u64
    }

    fn within(&self, range: TimeRange) -> (&[Timestamp], &[f64]) {
        let start = self.timestamps.partition_point(|timestamp| *timestamp < range.start());
        let end = self.timestamps.partition_point(|timestamp| *timestamp <= range.end());
        let columns = (self.timestamps.get(start..end), self.values.get(start..end));
        (columns.0.unwrap_or_default(), columns.1.unwrap_or_default())
    }
}

fn at(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

fn intern(texts: &mut BTreeSet<Arc<str>>, text: &str) -> Arc<str> {
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

fn exceeded(limit: usize, what: &str) -> StoreError {
    StoreError::LimitExceeded { what: format!("the selection has more than `{limit}` {what}") }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use apptuit_model::{MatchOp, TagMatcher};

    use super::*;

    /// `cpu` of the hosts a and b and `ram` of a, each with the points (10, 1), (20, 2), (30, 3).
    fn head() -> Head {
        let mut head = Head::default();
        for (number, (metric, host)) in (1..).zip([("cpu", "a"), ("cpu", "b"), ("ram", "a")]) {
            assert!(head.add_series(metric, [("host", host)]));
            head.add_points([10, 20, 30].map(|millis| point(number, millis, millis as f64 / 10.0)));
        }
        head.settle();
        head
    }

    fn point(series: u32, millis: i64, value: f64) -> NumberedPoint {
        NumberedPoint { series, timestamp: Timestamp::from_millis(millis), value }
    }

    fn range(start: i64, end: i64) -> TimeRange {
        TimeRange::new(Timestamp::from_millis(start), Timestamp::from_millis(end))
    }

    fn values(head: &Head, metric: &str, range: TimeRange) -> Option<Vec<Vec<f64>>> {
        let found = head.select(&Selector::metric(metric), range, &ReadLimits::UNLIMITED).unwrap();
        found.map(|found| found.iter().map(|series| series.values().to_vec()).collect())
    }

    #[test]
    fn both_ends_of_a_range_are_in_and_series_without_points_are_out() {
        let mut head = head();
        head.add_points([point(2, 40, 4.0)]);
        let found = |start, end| values(&head, "cpu", range(start, end)).unwrap();
        assert_eq!(found(10, 20), [[1.0, 2.0], [1.0, 2.0]]);
        assert_eq!(found(11, 29), [[2.0], [2.0]]);
        assert_eq!(found(31, 100), [[4.0]]);
        assert!(found(41, 100).is_empty() && found(11, 19).is_empty() && found(30, 10).is_empty());
    }

    #[test]
    fn a_metric_never_kept_is_none() {
        assert_eq!(values(&head(), "cp", TimeRange::ALL), None);
        assert_eq!(values(&head(), "", TimeRange::ALL), None);
    }

    #[test]
    fn matchers_choose_the_series() {
        let matcher = TagMatcher::new("host", MatchOp::NotEqual, "a").unwrap();
        let selector = Selector { metric: "cpu".to_owned(), matchers: vec![matcher] };
        let found = head().select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED).unwrap();
        let names: Vec<_> = found.unwrap().iter().map(|series| series.name().to_string()).collect();
        assert_eq!(names, ["cpu{host:b}"]);
    }

    #[test]
    fn late_points_find_their_place_and_the_last_write_wins() {
        let mut head = head();
        let late = [(30, 3.5), (5, 0.5), (20, 2.5), (5, 0.7), (40, 4.0), (40, 4.5), (30, 3.7)];
        head.add_points(late.map(|(millis, value)| point(1, millis, value)));
        head.settle();
        let found = values(&head, "cpu", TimeRange::ALL).unwrap();
        assert_eq!(found, [vec![0.7, 1.0, 2.5, 3.7, 4.5], vec![1.0, 2.0, 3.0]]);
        assert_eq!(head.stats().points, 3 * 3 + 2);
    }

    #[test]
    fn a_limit_is_met_before_it_is_exceeded() {
        let head = head();
        let select = |max_series, max_points| {
            let limits = ReadLimits { max_series, max_points, cancelled: None };
            head.select(&Selector::metric("cpu"), range(10, 20), &limits)
                .map(|found| found.unwrap().len())
                .map_err(|error| error.to_string())
        };
        assert_eq!(select(2, 4), Ok(2));
        assert_eq!(select(1, 4), Err("the selection has more than `1` series".to_owned()));
        assert_eq!(select(2, 3), Err("the selection has more than `3` points".to_owned()));
    }

    #[test]
    fn reading_ends_when_the_reader_has_gone() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let gone_at_second = move || counter.fetch_add(1, Ordering::Relaxed) == 1;
        let limits =
            ReadLimits { cancelled: Some(Arc::new(gone_at_second)), ..ReadLimits::UNLIMITED };
        let outcome = head().select(&Selector::metric("cpu"), TimeRange::ALL, &limits);
        assert!(matches!(outcome, Err(StoreError::Cancelled)), "{outcome:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn suggestions_are_sorted_and_begin_with_the_prefix() {
        let mut head = head();
        assert!(head.add_series("cpu.user", [("home", "ab"), ("Host", "é")]));
        assert_eq!(head.suggest(Suggest::Metrics, "", 9), ["cpu", "cpu.user", "ram"]);
        assert_eq!(head.suggest(Suggest::Metrics, "cpu", 9), ["cpu", "cpu.user"]);
        assert_eq!(head.suggest(Suggest::Metrics, "cpu", 1), ["cpu"]);
        assert_eq!(head.suggest(Suggest::TagKeys(None), "h", 9), ["home", "host"]);
        let any = Suggest::TagValues { metric: None, key: None };
        assert_eq!(head.suggest(any, "", 9), ["a", "ab", "b", "é"]);
        assert!(head.suggest(any, "c", 9).is_empty());
        assert!(head.suggest(any, "", 0).is_empty());
    }

    #[test]
    fn suggestions_may_be_those_of_a_metric_and_of_a_key() {
        let mut head = head();
        assert!(head.add_series("disk", [("host", "a"), ("path", "/a")]));
        let keys = |metric, prefix| head.suggest(Suggest::TagKeys(Some(metric)), prefix, 9);
        assert_eq!(keys("disk", ""), ["host", "path"]);
        assert_eq!(keys("disk", "p"), ["path"]);
        assert_eq!(keys("cpu", ""), ["host"]);
        assert!(keys("none", "").is_empty());
        let values = |metric, key, max| head.suggest(Suggest::TagValues { metric, key }, "", max);
        assert_eq!(values(Some("disk"), None, 9), ["/a", "a"]);
        assert_eq!(values(Some("cpu"), Some("host"), 9), ["a", "b"]);
        assert_eq!(values(None, Some("host"), 9), ["a", "b"]);
        assert_eq!(values(None, Some("path"), 9), ["/a"]);
        assert_eq!(values(Some("cpu"), Some("host"), 1), ["a"]);
        assert!(values(Some("cpu"), Some("path"), 9).is_empty());
    }

    #[test]
    fn a_name_is_kept_once_and_its_text_is_shared() {
        let mut head = head();
        assert!(!head.add_series("cpu", [("host", "a")]));
        assert_eq!((head.len(), head.stats().series), (3, 3));
        let names: Vec<_> = head.series.iter().map(|series| series.name.metric()).collect();
        assert!(std::ptr::eq(names[0], names[1]) && names[0] != names[2]);
        let host = |at: usize| head.series[at].name.tags().get("host").unwrap();
        assert!(std::ptr::eq(host(0), host(2)));
    }
}
