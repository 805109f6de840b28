//! What is offered to whom is writing, and what is said to whom found nothing.

use apptuit_model::{Tags, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{CandidateKind, Names, check, complete, functions, parse};

use crate::source::Memory;
use proptest::prelude::*;

/// Names of the series in memory.
impl Names for Memory {
    fn metrics(&self, prefix: &str, max: usize) -> Vec<String> {
        sorted(self.series.iter().map(TimeSeries::metric), prefix, max)
    }

    fn tag_keys(&self, metric: Option<&str>, prefix: &str, max: usize) -> Vec<String> {
        let series = self.series.iter().filter(|one| metric.is_none_or(|m| one.metric() == m));
        sorted(series.flat_map(|one| one.tags().iter().map(|(key, _)| key)), prefix, max)
    }

    fn tag_values(&self, metric: Option<&str>, key: &str, prefix: &str, max: usize) -> Vec<String> {
        let series = self.series.iter().filter(|one| metric.is_none_or(|m| one.metric() == m));
        sorted(series.filter_map(|one| one.tags().get(key)), prefix, max)
    }
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>, prefix: &str, max: usize) -> Vec<String> {
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names.truncate(max);
    names
}

fn memory() -> Memory {
    let series = |metric: &str, tags: &[(&str, &str)]| {
        let tags: Tags = tags.iter().copied().collect();
        TimeSeries::from_points((metric.to_owned(), tags), [(Timestamp::from_secs(1), 1.0)])
    };
    Memory::of([
        series("node.cpu", &[("host", "web1"), ("type", "idle")]),
        series("node.cpu", &[("host", "web2"), ("type", "it's")]),
        series("node.memory", &[("host", "db"), ("state", "free")]),
        series("http_requests", &[("route", "/")]),
        series("orders_accepted_count", &[("service", "checkout")]),
    ])
}

/// What is offered at the `|`; each with what the text becomes if it is the first.
fn offered(marked: &str) -> Vec<String> {
    let (before, after) = marked.split_once('|').expect("a mark");
    let completion = complete(&format!("{before}{after}"), before.len(), &memory());
    completion.candidates.into_iter().map(|candidate| candidate.text).collect()
}

/// The text with the candidate put in.
fn completed(marked: &str, candidate: &str) -> String {
    let (before, after) = marked.split_once('|').expect("a mark");
    let text = format!("{before}{after}");
    let completion = complete(&text, before.len(), &memory());
    let found = completion.candidates.iter().find(|one| one.text == candidate);
    let insert = &found.unwrap_or_else(|| panic!("{candidate} is not offered in {marked}")).insert;
    format!("{}{insert}{}", &text[..completion.span.start], &text[completion.span.end..])
}

#[test]
fn a_query_can_be_written_by_completion_alone() {
    for (marked, candidate, becomes) in [
        ("|", "fetch", "fetch("),
        ("A = fe|", "fetch", "A = fetch("),
        ("fetch(|", "node.cpu", "fetch('node.cpu'"),
        ("fetch(nod|", "node.cpu", "fetch('node.cpu'"),
        ("fetch('node.c|", "node.cpu", "fetch('node.cpu"),
        ("fetch('no|de.memory')", "node.cpu", "fetch('node.cpu')"),
        ("fetch('node.cpu', r|", "rate", "fetch('node.cpu', rate="),
        ("fetch('node.cpu', rate=|", "counter", "fetch('node.cpu', rate='counter'"),
        ("fetch('node.cpu', rate='c|'", "counter", "fetch('node.cpu', rate='counter'"),
        ("fetch('m').|", "sum", "fetch('m').sum("),
        ("fetch('m').se|", "series_max", "fetch('m').series_max()"),
        ("fetch('m').s|um('x')", "sum", "fetch('m').sum('x')"),
        ("fetch('node.cpu').tag_filter(|", "host", "fetch('node.cpu').tag_filter('host=="),
        ("fetch('node.cpu').tag_filter('h|')", "host", "fetch('node.cpu').tag_filter('host==')"),
        (
            "fetch('node.cpu').tag_filter('host==|')",
            "web2",
            "fetch('node.cpu').tag_filter('host==web2')",
        ),
        (
            "fetch('node.cpu').tag_filter('host==web1|w|",
            "web2",
            "fetch('node.cpu').tag_filter('host==web1|web2",
        ),
        (
            "fetch('node.cpu').tag_filter('type=|')",
            "it's",
            r"fetch('node.cpu').tag_filter('type=it\'s')",
        ),
        ("fetch('m').downsample('|", "1m", "fetch('m').downsample('1m"),
        ("fetch('m').downsample('1m', 'p9|", "p95", "fetch('m').downsample('1m', 'p95"),
        ("fetch('node.cpu').sum(|", "by", "fetch('node.cpu').sum(by="),
        ("fetch('node.cpu').sum(by='host, t|')", "type", "fetch('node.cpu').sum(by='host, type')"),
        ("A=fetch('m'); B=A.div(|", "A", "A=fetch('m'); B=A.div(A"),
        ("A=fetch('m')\nout|", "output", "A=fetch('m')\noutput("),
        ("A=fetch('m')\noutput(|)", "A", "A=fetch('m')\noutput(A)"),
    ] {
        // A `|` of a filter is the last but one of the marks.
        let marked = match marked.rsplit_once('|') {
            Some((before, after)) if before.contains('|') => {
                let at = before.len();
                let text = format!("{before}{after}");
                let completion = complete(&text, at, &memory());
                let candidate = completion.candidates.iter().find(|one| one.text == candidate);
                let insert = &candidate.expect("an alternative").insert;
                let (start, end) = (completion.span.start, completion.span.end);
                assert_eq!(format!("{}{insert}{}", &text[..start], &text[end..]), becomes);
                continue;
            }
            _ => marked,
        };
        assert_eq!(completed(marked, candidate), becomes, "{marked}");
    }
}

#[test]
fn tags_are_those_of_the_metric_whose_chain_it_is() {
    let memory_tags = ["host", "state"];
    for marked in [
        "fetch('node.memory').tag_filter('|",
        "fetch('node.memory').tag_filter('host==db').downsample('1m', 'avg').sum(by='|",
        "A = fetch('node.memory', rate='true').sum()\nB = A\nB.div(A).max(by=\"|",
        "(fetch('node.memory')\n.sum()).avg(without='|",
        "A=fetch('node.cpu');A=fetch('node.memory');B=fetch('m').add(A.sum(by='|",
        "A=fetch('node.memory').tag_filter('host==$host');A.sum(by='|",
        "A=fetch('node.cpu').sub(fetch('node.memory').div(2, on='|",
    ] {
        assert_eq!(offered(marked), memory_tags, "{marked}");
    }
    assert_eq!(offered("x.sum(by='|"), ["host", "route", "service", "state", "type"]);
    assert_eq!(offered("fetch('node.memory').tag_filter('state==|"), ["*", "free"]);
    assert_eq!(offered("fetch('node.memory').tag_filter('state!=f|"), ["free"]);
}

#[test]
fn nothing_is_offered_where_nothing_is_meant() {
    for marked in [
        "# fetch('|",
        "A = 1|",
        "A = fetch('m')|",
        "fetch('m').tag_filter('host=~|",
        "fetch('m').nothing('|",
        "fetch('m').sum('|",
        "A 'x|",
    ] {
        assert_eq!(offered(marked), [""; 0], "{marked}");
    }
    assert!(complete("é", 1, &memory()).candidates.is_empty());
    assert!(complete("", 1, &memory()).candidates.is_empty());
}

#[test]
fn every_example_and_every_listed_value_is_well_formed() {
    let all = functions();
    assert_eq!(all.len(), 23);
    for function in &all {
        let start = if function.is_method { "x = fetch('m'); x." } else { "name = fetch('m');" };
        if let Err(error) = check(&format!("{start}{};fetch('m')", function.example)) {
            assert_eq!(function.name, "output", "{error}");
        }
        assert!(!function.about.is_empty() && !function.about.contains('\n'));
        for argument in &function.arguments {
            assert!(!argument.about.is_empty(), "{} {}", function.name, argument.name);
            for (value, _) in &argument.values {
                let call = match (function.name, argument.name) {
                    ("downsample", "interval") => format!("downsample('{value}', 'avg')"),
                    ("downsample", "function") => format!("downsample('1m', '{value}')"),
                    ("downsample", _) => format!("downsample('1m', 'avg', fill='{value}')"),
                    (name, keyword) => format!("{name}('m', {keyword}='{value}')"),
                };
                let text = if function.is_method { format!("fetch('m').{call}") } else { call };
                check(&text).unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
}

#[test]
fn kinds_are_told_apart() {
    let text = "A = fetch('m'); A.sum(A.";
    let kinds = |at: usize| complete(text, at, &memory()).candidates.first().map(|one| one.kind);
    assert_eq!(kinds(text.len()), Some(CandidateKind::Method));
    assert_eq!(kinds(text.len() - 1), None);
    assert_eq!(kinds(4), Some(CandidateKind::Function));
    assert_eq!(kinds(11), Some(CandidateKind::Metric));
}

fn advice(text: &str) -> Vec<String> {
    let (memory, query) = (memory(), parse(text).expect("a query"));
    query.advice(memory.run(text, TimeRange::ALL).as_ref(), &memory)
}

#[test]
fn an_unknown_metric_is_advised_on() {
    for (metric, meant) in [
        ("http.requests", "http_requests"),
        ("node_cpu", "node.cpu"),
        ("Node.CPU", "node.cpu"),
        ("node.mem0ry", "node.memory"),
        ("orders.accepted", "orders_accepted_count"),
    ] {
        let text = format!("A = fetch('node.cpu')\nA.add(fetch('{metric}'))");
        assert_eq!(advice(&text), [format!("did you mean `{meant}`?")], "{metric}");
    }
    assert_eq!(advice("fetch('something.else')"), [""; 0]);
}

#[test]
fn tags_that_no_series_has_are_advised_on() {
    for (text, expected) in [
        (
            "fetch('node.cpu').tag_filter('hots==web1')",
            "no series of `node.cpu` has the tag `hots`, did you mean `host`?",
        ),
        (
            "A = fetch('node.cpu').tag_filter('host==web3')\nA.sum().add(A.sum())",
            "no series of `node.cpu` has `web3` as its `host`, did you mean `web1`?",
        ),
        (
            "fetch('node.cpu').tag_filter('type==busy')",
            "no series of `node.cpu` has `busy` as its `type`",
        ),
        (
            "fetch('node.memory').sum(by='host,stat')",
            "no series of `node.memory` has the tag `stat`, did you mean `state`?",
        ),
    ] {
        assert_eq!(advice(text), [expected], "{text}");
    }
    for fine in [
        "fetch('node.cpu').tag_filter('host==web1').sum(by='host')",
        "fetch('node.cpu').tag_filter('host!=x').tag_filter('other!=x').tag_filter('host=web*|x')",
    ] {
        assert_eq!(advice(fine), [""; 0], "{fine}");
    }
}

proptest! {
    /// Whatever is put in, the text before and after stays a text, and nothing breaks.
    #[test]
    fn completion_takes_any_text_at_any_place(
        text in r#"([a-z'"(),.;=$#\n\\0-9+é-]|fetch\('node.cpu'|A=|A\.|\.sum\(|by=|tag_filter\(|\[\[x\]\]){0,30}"#,
        at in 0_usize..60,
    ) {
        let completion = complete(&text, at, &memory());
        prop_assert!(completion.candidates.len() <= 50);
        if !completion.candidates.is_empty() {
            prop_assert!(text.get(..completion.span.start).is_some());
            prop_assert!(text.get(completion.span.end..).is_some());
            prop_assert!(completion.span.start <= at && at <= completion.span.end);
        }
    }
}
