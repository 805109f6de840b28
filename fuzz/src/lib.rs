//! What is done with hostile input, and what must hold then. Any bytes are good: a target panics
//! only where the code under test has a fault.
//!
//! The tests of `apptuit-query` include this file and run it on every input that is kept.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use apptuit_model::{
    MatchOp, Selector, TagMatcher, Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp,
};
use apptuit_query::{
    Answer, Engine, Limits, Query, QueryError, SeriesSource, SourceError, check, parse,
};

/// A little more than the parser takes, so that its limit is reached too.
const TEXT_BYTES: usize = 300 << 10;
/// Tags a source makes in one run, and points.
const WORK: usize = 1 << 21;
/// After so many questions whether it is still wanted, a query is not.
const QUESTIONS: usize = 20_000;

/// The parser refuses, or takes: the error's place is in the text, and can be drawn.
pub fn parser(data: &[u8]) {
    let _ = parsed(&unfolded(data));
}

/// What the printer writes is the same query, and prints as itself.
pub fn printer(data: &[u8]) {
    if let Some(query) = parsed(&unfolded(data)) {
        let printed = query.to_string();
        match parse(&printed) {
            Ok(again) => {
                assert!(again == query, "printed as another query: {printed}");
                assert_eq!(again.to_string(), printed, "printed in two ways");
            }
            // Printed, it may be longer than what is parsed.
            Err(error) => assert_eq!(error.error_type(), "ERROR_LIMIT_EXCEEDED", "{error}"),
        }
    }
}

/// Names, arguments and values are checked, and what is wrong has a place.
pub fn planner(data: &[u8]) {
    let text = unfolded(data);
    if let Err(error) = check(&text) {
        drawn(&error, &text);
    }
}

/// A condition is refused or holds for a series, or its opposite does: `key`, operator, pattern,
/// and the value of the series, with lines between them.
pub fn filter(data: &[u8]) {
    let text = unfolded(data);
    let mut lines = text.splitn(3, '\n');
    let [pattern, key, value] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let tags = if value.is_empty() { Tags::new() } else { Tags::from([(key, value)]) };
    for (op, opposite) in [(MatchOp::Equal, MatchOp::NotEqual), (MatchOp::Regex, MatchOp::NotRegex)]
    {
        match (TagMatcher::new(key, op, pattern), TagMatcher::new(key, opposite, pattern)) {
            (Ok(one), Ok(other)) => {
                assert_ne!(one.matches(&tags), other.matches(&tags), "{one} and {other}");
            }
            (Err(_), Err(_)) => assert_eq!(op, MatchOp::Regex, "{pattern:?} needs no expression"),
            (one, other) => panic!("{one:?} and {other:?}"),
        }
    }
}

/// A query over hostile series: what comes out is in order, finite and in the range, and comes out
/// again.
pub fn engine(data: &[u8]) {
    let (shape, text) = data.split_at(data.len().min(Shape::BYTES));
    let shape = Shape::of(shape);
    let text = unfolded(text);
    let Some(query) = parsed(&text) else { return };
    let first = shape.run(&query);
    match &first {
        Ok(answer) => in_order(answer, shape.range()),
        Err(error) => drawn(error, &text),
    }
    assert!(shape.run(&query) == first, "a second answer to {query}");
}

fn parsed(text: &str) -> Option<Query> {
    match parse(text) {
        Ok(query) => {
            assert_eq!(query.text(), text);
            Some(query)
        }
        Err(error) => {
            drawn(&error, text);
            None
        }
    }
}

fn drawn(error: &QueryError, text: &str) {
    let span = error.span();
    assert!(text.get(span.start..span.end).is_some(), "{span:?} of {} bytes", text.len());
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert!((1..=lines).contains(&error.line()), "line {} of {lines}", error.line());
    assert!(error.column() <= text.len());
    // Text of the query may stand in it several times, but not all of a long one.
    assert!(error.to_string().len() <= 4 * text.len() + 4096, "a long error");
}

/// Bytes as text. Byte 1 and the two after it repeat what stands before it: how much, how often.
/// So a few bytes make depth, and length; of how often, few of the 256 mean very often, so that
/// most inputs are quick.
fn unfolded(data: &[u8]) -> String {
    let mut text: Vec<u8> = Vec::new();
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != 1 {
            text.push(byte);
            continue;
        }
        let (Some(length), Some(doublings)) = (bytes.next(), bytes.next()) else { break };
        let repeated = text.split_off(text.len().saturating_sub(usize::from(length)));
        let times = (TEXT_BYTES - text.len().min(TEXT_BYTES)) / repeated.len().max(1);
        let doublings = if doublings < 240 { doublings % 8 } else { doublings % 18 };
        text.extend(repeated.repeat(times.min(1 << doublings)));
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The series of a source, whatever the metric.
#[derive(Clone, Copy)]
struct Shape {
    series: usize,
    tags: usize,
    points: usize,
    /// Milliseconds of the first point, and between two.
    first: i64,
    apart: i64,
    /// Which of the range's ends are those of time itself.
    ends: u8,
    values: u8,
}

impl Shape {
    const BYTES: usize = 7;

    fn of(bytes: &[u8]) -> Self {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        // A whole byte is hostile: a million tags in all, or ten thousand series and more.
        let size = |byte: u8, usual: u8, hostile: usize| {
            if byte == u8::MAX { hostile } else { 1 << (byte % usual) }
        };
        Self {
            series: size(byte(0), 6, 40_000) - usize::from(byte(0) == 0),
            tags: size(byte(1), 5, 25),
            points: size(byte(2), 8, 1 << 16),
            first: match byte(3) {
                0 => i64::MIN,
                1 => i64::MAX - 1_000_000,
                other => i64::from(other) * 1000 - 60_000,
            },
            apart: if byte(4) == u8::MAX { i64::MAX / 4 } else { i64::from(byte(4)) * 250 + 1 },
            ends: byte(5),
            values: byte(6),
        }
    }

    fn range(self) -> TimeRange {
        let end = |hostile, at| if hostile { at } else { Timestamp::from_secs(3600) };
        let start = if self.ends & 1 == 0 { Timestamp::from_secs(0) } else { Timestamp::MIN };
        let end = end(self.ends & 2 != 0, Timestamp::MAX);
        if self.ends & 4 == 0 { TimeRange::new(start, end) } else { TimeRange::new(end, start) }
    }

    fn run(self, query: &Query) -> Result<Answer, QueryError> {
        let asked = AtomicUsize::new(0);
        let cancelled = move || asked.fetch_add(1, Relaxed) > QUESTIONS;
        let limits = Limits {
            max_series: 50_000,
            max_points: 1 << 18,
            cancelled: Some(Arc::new(cancelled)),
            ..Limits::default()
        };
        let source = Source { shape: self, made: AtomicUsize::new(0) };
        Engine::new(limits).run(query, self.range(), &source)
    }

    fn tags(self, series: usize) -> Tags {
        // Some are shared by all, some by many, one by none.
        let value = |tag: usize| match tag % 3 {
            0 => series.to_string(),
            1 => (series % (tag + 1)).to_string(),
            _ => "v".to_owned(),
        };
        let key = |tag: usize| if tag == 0 { "host".to_owned() } else { format!("k{tag}") };
        (0..self.tags).map(|tag| (key(tag), value(tag))).collect()
    }

    fn value(self, series: usize, point: usize) -> f64 {
        let hostile = [
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            9_223_372_036_854_775_807.0,
        ];
        let plain = (series * 7 + point * 3 % 11) as f64;
        let at = series + point * usize::from(self.values);
        if self.values == 0 { plain } else { *hostile.get(at % 16).unwrap_or(&plain) }
    }
}

struct Source {
    shape: Shape,
    made: AtomicUsize,
}

impl SeriesSource for Source {
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        if selector.metric == "absent" {
            return Ok(None);
        }
        let shape = self.shape;
        let work = shape.series.saturating_mul(shape.tags + shape.points);
        if self.made.fetch_add(work, Relaxed).saturating_add(work) > WORK {
            return Err(SourceError::LimitExceeded { what: "too much for one run".to_owned() });
        }
        let of = |series: usize| {
            let tags = shape.tags(series);
            if !selector.matches_tags(&tags) {
                return None;
            }
            let instants = (0..shape.points).map_while(|point| {
                let apart = shape.apart.checked_mul(i64::try_from(point).ok()?)?;
                Some((Timestamp::from_millis(shape.first.checked_add(apart)?), point))
            });
            let points = instants
                .filter(|(at, _)| range.contains(*at))
                .map(|(at, point)| (at, shape.value(series, point)));
            let name = TimeSeriesName::new(selector.metric.as_str(), tags);
            Some(TimeSeries::from_points(name, points)).filter(|series| !series.is_empty())
        };
        // In no order: the engine has to make one.
        Ok(Some((0..shape.series).rev().filter_map(of).collect()))
    }
}

fn in_order(answer: &Answer, range: TimeRange) {
    let ids: BTreeSet<&str> = answer.outputs.iter().map(|output| output.id.as_str()).collect();
    assert_eq!(ids.len(), answer.outputs.len(), "an output twice");
    assert!(!answer.outputs.is_empty(), "an answer without outputs");
    for output in &answer.outputs {
        let series: Vec<_> = output.series.iter().map(|found| &found.series).collect();
        for pair in series.windows(2) {
            let [one, other] = pair else { continue };
            let written = |tags: &Tags| -> Vec<String> {
                tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
            };
            let order = written(one.tags()).cmp(&written(other.tags()));
            assert_eq!(order, Ordering::Less, "{:?} {:?}", one.tags(), other.tags());
        }
        for series in series {
            assert!(!series.metric().is_empty() && !series.is_empty());
            assert!(series.timestamps().is_sorted_by(|one, other| one < other), "order of time");
            for (at, value) in series.iter() {
                assert!(range.contains(at) && value.is_finite(), "{value} at {at:?}");
            }
        }
    }
}
