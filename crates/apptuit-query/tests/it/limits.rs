//! What a query may cost, and what the source is asked for.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{
    Answer, Engine, Limits, QueryError, QueryErrorKind, Request, Selection, SeriesSource,
    SourceError, Take, parse,
};

use crate::source::Memory;

/// Three series of four points.
fn memory() -> Memory {
    Memory::of(["a", "b", "c"].map(|host| {
        let points = (0..4).map(|n| (Timestamp::from_secs(n), 1.0));
        TimeSeries::from_points(("m", [("host", host)]), points)
    }))
}

fn run(text: &str, limits: Limits) -> Result<Answer, QueryError> {
    Engine::new(limits).run(&parse(text).expect("a query"), TimeRange::ALL, &memory())
}

fn kind(text: &str, limits: Limits) -> Option<QueryErrorKind> {
    run(text, limits).err().map(|error| error.kind())
}

#[test]
fn what_is_read_is_counted_over_all_fetches() {
    let answer = run("fetch('m').add(fetch('m'))", Limits::default()).expect("an answer");
    assert_eq!((answer.points_read, answer.series_read), (24, 6));
}

#[test]
fn series_and_points_are_limited_over_all_fetches() {
    let (one, two) = ("fetch('m')", "fetch('m').add(fetch('m'))");
    let exceeded = Some(QueryErrorKind::LimitExceeded);
    let points = |max_points| Limits { max_points, ..Limits::default() };
    assert_eq!(kind(one, points(12)), None);
    assert_eq!(kind(one, points(11)), exceeded);
    assert_eq!(kind(two, points(12)), exceeded);
    let series = |max_series| Limits { max_series, ..Limits::default() };
    assert_eq!(kind(one, series(3)), None);
    assert_eq!(kind(one, series(2)), exceeded);
    assert_eq!(kind(two, series(5)), exceeded);
}

#[test]
fn what_a_rate_reads_before_the_range_counts() {
    let range = TimeRange::new(Timestamp::from_secs(2), Timestamp::from_secs(3));
    let run = |text: &str, max_points| {
        let limits = Limits { max_points, ..Limits::default() };
        Engine::new(limits).run(&parse(text).expect("a query"), range, &memory())
    };
    let points_read = |text: &str| run(text, 12).expect("an answer").points_read;
    assert_eq!(points_read("fetch('m', align='1s')"), 6);
    assert_eq!(points_read("fetch('m', rate='true')"), 12);
    let error = run("fetch('m', rate='true')", 11).expect_err("12 points are read");
    assert_eq!(error.kind(), QueryErrorKind::LimitExceeded);
}

#[test]
fn a_limit_is_named_with_how_to_ask_for_less() {
    let message = |text, limits| run(text, limits).expect_err("a limit is exceeded").message();
    let limits = || Limits { max_threads: 1, ..Limits::default() };
    assert_eq!(
        message("fetch('m')", Limits { max_series: 2, ..limits() }),
        "query reads too many series: at least 3, and 2 are allowed, ask for less time, or for \
         fewer series by a `tag_filter`"
    );
    assert_eq!(
        message("fetch('m')", Limits { max_points: 11, ..limits() }),
        "query reads too many points: at least 12, and 11 are allowed, ask for less time, or for \
         fewer series by a `tag_filter`"
    );
    assert_eq!(
        message("fetch('m')", Limits { max_bytes: 100, ..limits() }),
        "query holds too much: at least 128 bytes, and 100 are allowed, downsample right after \
         the fetch, or ask for less time or fewer series"
    );
}

#[test]
fn what_is_held_at_once_is_limited() {
    // Three frames of twelve points and three series.
    let limits = || Limits { max_bytes: 3 * 12 * 16 + 3 * 3 * 100, ..Limits::default() };
    let chain = format!("fetch('m'){}", ".add(1)".repeat(50));
    assert_eq!(kind(&chain, limits()), None);
    let names = ["A", "B", "C", "D", "E"];
    let held = names.map(|name| format!("{name} = M.add(1);")).concat();
    let text = format!("M = fetch('m'); {held} output({})", names.join(","));
    assert_eq!(kind(&text, limits()), Some(QueryErrorKind::LimitExceeded));
    let aliases = names.map(|name| format!("{name} = M;")).concat();
    let text = format!("M = fetch('m'); {aliases} output({})", names.join(","));
    assert_eq!(kind(&text, limits()), Some(QueryErrorKind::LimitExceeded));
}

#[test]
fn what_goes_into_buckets_on_the_way_is_not_held() {
    let points = |n: i64| (0..n).map(|n| (Timestamp::from_secs(n), 1.0));
    let memory = Memory::of([TimeSeries::from_points("m", points(100_000))]);
    let limits = Limits { max_bytes: 10_000, ..Limits::default() };
    let run = |text: &str| {
        Engine::new(limits.clone()).run(&parse(text).expect("a query"), TimeRange::ALL, &memory)
    };
    for text in [
        "fetch('m').downsample('1h', 'avg')",
        "A = fetch('m', rate='true'); B = A.downsample('1h', 'max'); C = B.sum()",
        "fetch('m').series_last()",
    ] {
        let points: u64 = run(text).expect(text).points_read;
        assert_eq!(points, 100_000, "{text}");
    }
    let error = run("fetch('m')").expect_err("1.6 MB are held");
    assert_eq!(error.kind(), QueryErrorKind::LimitExceeded);
}

/// Says how many series or points there are, and cannot give them.
struct Forbidding {
    series: usize,
    points: Option<usize>,
}

impl SeriesSource for Forbidding {
    fn select(&self, _: &Selector, _: TimeRange) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        unreachable!("it is only opened")
    }

    fn open(&self, _: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        Ok(Some(Box::new(Self { ..*self })))
    }
}

impl Selection for Forbidding {
    fn series(&self) -> usize {
        self.series
    }

    fn tags(&self, _: usize) -> &Tags {
        panic!("tags are asked for")
    }

    fn points(&self) -> Option<usize> {
        self.points
    }

    fn read(&self, _: usize, _: &mut Take<'_>) -> Result<(), SourceError> {
        panic!("points are asked for")
    }
}

#[test]
fn what_is_known_to_be_too_much_is_not_begun() {
    for source in [
        Forbidding { series: 10_001, points: None },
        Forbidding { series: 1, points: Some(10_000_001) },
    ] {
        let query = parse("fetch('m').sum()").expect("a query");
        let error = Engine::default().run(&query, TimeRange::ALL, &source).expect_err("too much");
        assert_eq!(error.kind(), QueryErrorKind::LimitExceeded);
    }
}

#[test]
fn depth_is_limited() {
    let limits = |max_depth| Limits { max_depth, ..Limits::default() };
    assert_eq!(kind("((fetch('m')))", limits(3)), None);
    assert_eq!(kind("((fetch('m')))", limits(2)), Some(QueryErrorKind::LimitExceeded));
}

#[test]
fn a_cancelled_query_ends_between_series() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let cancelled = move || counter.fetch_add(1, Ordering::Relaxed) >= 6;
    let limits = Limits { cancelled: Some(Arc::new(cancelled)), ..Limits::default() };
    let error = run("fetch('m').add(1).add(1).add(1)", limits).expect_err("cancelled");
    assert_eq!(error.error_type(), "ERROR_QUERY_TIMEOUT");
    assert_eq!(asked.load(Ordering::Relaxed), 7, "nothing goes on after the end");
}

/// How often a query asks whether it is still wanted.
fn questions(text: &str, memory: &Memory) -> usize {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let cancelled = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    let limits = Limits { cancelled: Some(Arc::new(cancelled)), ..Limits::default() };
    let query = parse(text).expect("a query");
    Engine::new(limits).run(&query, TimeRange::ALL, memory).expect("an answer");
    asked.load(Ordering::Relaxed)
}

#[test]
fn every_operator_asks_whether_the_query_is_still_wanted() {
    let memory = memory();
    let top = "top2().";
    for method in ["downsample('2s', 'p95')", "stddev(by='host')", "series_max()"] {
        let without = questions("fetch('m').top2()", &memory);
        let with = questions(&format!("fetch('m').{top}{method}"), &memory);
        // Once before the operator, and for each of the two series that are left.
        assert_eq!(with, without + 1 + 2, "{method}");
    }
}

#[test]
fn a_long_series_asks_while_it_is_read() {
    let points = (0..100_000).map(|n| (Timestamp::from_secs(n), 1.0));
    let memory = Memory::of([TimeSeries::from_points("m", points)]);
    let asked = questions("fetch('m').downsample('1h', 'max').sum()", &memory);
    assert!((90..=110).contains(&asked), "{asked} questions");
}

#[test]
fn all_threads_end_when_one_of_them_fails_or_panics() {
    struct Breaking {
        series: Vec<Tags>,
        panics: bool,
    }

    impl SeriesSource for Breaking {
        fn select(
            &self,
            _: &Selector,
            _: TimeRange,
        ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
            unreachable!("it is only opened")
        }

        fn open(&self, _: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
            Ok(Some(Box::new(Self { series: self.series.clone(), panics: self.panics })))
        }
    }

    impl Selection for Breaking {
        fn series(&self) -> usize {
            self.series.len()
        }

        fn tags(&self, n: usize) -> &Tags {
            &self.series[n]
        }

        fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
            assert!(n != 3 || !self.panics, "a source breaks");
            if n == 3 {
                return Err(SourceError::Failed { reason: "a disk".to_owned() });
            }
            let _: ControlFlow<()> = take(&[Timestamp::from_secs(1)], &[1.0]);
            Ok(())
        }
    }

    // Enough that the others would wait for the block that never comes.
    let series: Vec<Tags> =
        (0..50_000).map(|n| Tags::from([("host", format!("{n:05}"))])).collect();
    let run = |panics| {
        let limits = Limits { max_series: 100_000, max_threads: 4, ..Limits::default() };
        let query = parse("fetch('m').sum()").expect("a query");
        let source = Breaking { series: series.clone(), panics };
        Engine::new(limits).run(&query, TimeRange::ALL, &source)
    };
    assert_eq!(run(false).expect_err("it fails").kind(), QueryErrorKind::Source);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(true)));
    assert!(outcome.is_err(), "a panic goes through to the caller");
}

#[test]
fn a_long_top_asks_more_than_once() {
    let points = |from: i64| (from..20_000).map(|n| (Timestamp::from_secs(n), 1.0));
    let memory = Memory::of(
        [("a", 0), ("b", 5000)]
            .map(|(host, from)| TimeSeries::from_points(("m", [("host", host)]), points(from))),
    );
    let asked = questions("fetch('m').top1()", &memory) - questions("fetch('m')", &memory);
    // 35 000 points, and once before the operator.
    assert!((8..=11).contains(&asked), "{asked} questions");
}

struct Failing(Cell<Option<SourceError>>);

impl SeriesSource for Failing {
    fn select(&self, _: &Selector, _: TimeRange) -> Result<Option<Vec<TimeSeries>>, SourceError> {
        Err(self.0.take().expect("asked once"))
    }
}

#[test]
fn failures_of_the_source_keep_their_kind() {
    for (failure, error_type, message) in [
        (
            SourceError::LimitExceeded { what: "too much".to_owned() },
            "ERROR_LIMIT_EXCEEDED",
            "too much, ask for less time, or for fewer series by a `tag_filter`",
        ),
        (SourceError::Cancelled, "ERROR_QUERY_TIMEOUT", "the read was cancelled"),
        (
            SourceError::Failed { reason: "disk".to_owned() },
            "ERROR_INTERNAL",
            "series could not be read: disk",
        ),
    ] {
        let query = parse("A = 1\nfetch('m')").expect("a query");
        let source = Failing(Cell::new(Some(failure)));
        let error = Engine::default().run(&query, TimeRange::ALL, &source).expect_err("it fails");
        assert_eq!((error.error_type(), error.message().as_str()), (error_type, message));
        assert_eq!((error.line(), error.column()), (2, 0));
    }
}

#[test]
fn filters_right_after_a_fetch_reach_the_source_and_later_ones_do_not() {
    let memory = memory();
    let text = "fetch('m').tag_filter('host!=a').tag_filter('host=b').sum().tag_filter('host==b')";
    memory.run(text, TimeRange::ALL).expect("an answer");
    let asked = memory.asked.borrow();
    let matchers: Vec<String> = asked[0].matchers.iter().map(ToString::to_string).collect();
    assert_eq!((asked.len(), matchers), (1, vec!["host!=a".to_owned(), "host==b".to_owned()]));
}

#[test]
fn a_filter_on_a_name_leaves_the_fetch_of_that_name_alone() {
    let text = "A = fetch('m'); B = A.tag_filter('host==a'); output(A, B)";
    let answer = memory().run(text, TimeRange::ALL).expect("an answer");
    let sizes: Vec<usize> = answer.outputs.iter().map(|output| output.series.len()).collect();
    assert_eq!(sizes, [3, 1]);
}

#[test]
fn nothing_is_read_for_a_query_that_is_wrong_at_its_end() {
    let memory = memory();
    for text in ["fetch('m')\nsmu()", "fetch('m')\nfetch('m').top3(1)", "fetch('m')\n1.sum()"] {
        memory.run(text, TimeRange::ALL).expect_err(text);
    }
    assert!(memory.asked.borrow().is_empty());
}
