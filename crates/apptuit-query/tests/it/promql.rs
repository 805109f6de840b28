//! `docs/reference/promql.md`, row by row: the query on the engine, the `PromQL` on a real
//! Prometheus, over the same data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use apptuit_model::{Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};

use crate::source::Memory;

/// On a whole hour, and so on a whole minute.
const START: i64 = 1_699_999_200;
const HOUR: i64 = 3600;
/// Between two points; the first of a minute is five seconds after it.
const STEP: i64 = 15;

/// Tags, and the values by their instants.
type Answer = BTreeMap<BTreeMap<String, String>, BTreeMap<i64, f64>>;

#[test]
fn every_row_of_the_page_on_promql_is_true() {
    let tools = ["prometheus", "promtool"];
    if let Some(missing) = tools.into_iter().find(|tool| !runs(tool)) {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "`{missing}` is missing");
        println!("skipped every_row_of_the_page_on_promql_is_true: no `{missing}`");
        return;
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/promql.md");
    let rows = rows(&fs::read_to_string(page).expect("the page is in the repository"));
    assert!(rows.len() > 50, "{} rows", rows.len());
    let data = data();
    let prometheus = Prometheus::with(&data);
    let memory = Memory::of(data.iter().map(|series| {
        let tags: Tags = series.tags.iter().copied().collect();
        let points = series.points.iter().map(|(at, value)| (Timestamp::from_secs(*at), *value));
        TimeSeries::from_points(TimeSeriesName::new(series.metric, tags), points)
    }));
    let mut failures = String::new();
    for row in &rows {
        let (ours, theirs) = (run(&memory, &row.query), prometheus.run(&row.promql));
        let found = verdict(&ours, &theirs);
        if found != row.promised() {
            let shown = |answer| format!("{answer:?}").chars().take(300).collect::<String>();
            let (Row { query, promql, .. }, promised) = (row, row.promised());
            let (ours, theirs) = (shown(&ours), shown(&theirs));
            writeln!(
                failures,
                "{query}\n{promql}\npromised {promised}, found {found}\n{ours}\n{theirs}\n"
            )
            .expect("a string takes text");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

/// One row of a table with three columns, the first two of them code.
struct Row {
    query: String,
    promql: String,
    answer: String,
}

impl Row {
    /// The answer without its reason.
    fn promised(&self) -> &str {
        self.answer.split(':').next().unwrap_or_default()
    }
}

fn rows(page: &str) -> Vec<Row> {
    let row = |line: &str| {
        // A bar in a cell is written `\|`.
        let line = line.replace("\\|", "\u{0}");
        let cells: Vec<String> = line
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('\u{0}', "|"))
            .collect();
        let code = |cell: &String| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        match cells.as_slice() {
            [query, promql, answer] => {
                Some(Row { query: code(query)?, promql: code(promql)?, answer: answer.clone() })
            }
            _ => None,
        }
    };
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// The word of the page for two answers.
fn verdict(ours: &Result<Answer, String>, theirs: &Result<Answer, String>) -> &'static str {
    let (ours, theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(_), Ok(_)) => return "error here",
        (Ok(_), Err(_)) => return "error there",
        (Err(_), Err(_)) => return "error in both",
    };
    if equal(ours, theirs) {
        return "same";
    }
    let mut finite = theirs.clone();
    for points in finite.values_mut() {
        points.retain(|_, value| value.is_finite());
    }
    finite.retain(|_, points| !points.is_empty());
    if equal(ours, &finite) {
        return "same, with holes";
    }
    // Every series of ours has the tags of one of theirs, and more.
    let fewer = |tags: &BTreeMap<String, String>| {
        let of = |theirs: &&BTreeMap<_, _>| theirs.iter().all(|tag| tags.get(tag.0) == Some(tag.1));
        theirs.keys().find(of).cloned().unwrap_or_else(|| tags.clone())
    };
    let reduced: Answer = ours.iter().map(|(tags, points)| (fewer(tags), points.clone())).collect();
    if reduced.len() == ours.len() && equal(&reduced, theirs) {
        return "same, more tags";
    }
    "differs"
}

fn equal(ours: &Answer, theirs: &Answer) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    ours.keys().eq(theirs.keys())
        && ours.values().zip(theirs.values()).all(|(ours, theirs)| {
            ours.keys().eq(theirs.keys())
                && ours.values().zip(theirs.values()).all(|(a, b)| near(*a, *b))
        })
}

fn run(memory: &Memory, query: &str) -> Result<Answer, String> {
    let range = TimeRange::new(Timestamp::from_secs(START), Timestamp::from_secs(START + HOUR - 1));
    let answer = memory.run(query, range).map_err(|error| error.to_string())?;
    assert_eq!(answer.outputs.len(), 1, "{query}");
    let of = |tags: &Tags| tags.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let series = answer.outputs[0].series.iter().map(|found| {
        let points = found.series.iter().map(|(at, value)| (at.as_secs(), value)).collect();
        (of(found.series.tags()), points)
    });
    Ok(series.collect())
}

fn runs(tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A server over a folder of blocks, on a port of this machine; ends with the value.
struct Prometheus {
    server: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn with(data: &[Series]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("data.om"), open_metrics(data)).expect("the points are written");
        fs::write(path("prometheus.yml"), "").expect("the settings are written");
        create_blocks(&path("data.om"), &path("blocks"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        drop(listener);
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path("blocks").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--storage.tsdb.retention.time=100y", "--log.level=error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus starts");
        let started = Self { server, url: format!("http://{address}"), _folder: folder };
        for _ in 0..200 {
            if started.run("1").is_ok() {
                return started;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("prometheus did not answer in 20 s");
    }

    /// The answer at the end of every bucket, moved to its start. The bucket is the window of the
    /// expression, or a minute.
    fn run(&self, promql: &str) -> Result<Answer, String> {
        let step = if promql.contains("[1h]") { HOUR } else { 60 };
        let output = Command::new("promtool")
            .args(["query", "range", "--format=json"])
            .arg(format!("--start={}", START + step))
            // A second more: it must not be the start.
            .arg(format!("--end={}", START + HOUR + 1))
            .arg(format!("--step={step}s"))
            .args(["--", self.url.as_str(), promql])
            .output()
            .expect("promtool runs");
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!message.contains("parse error"), "{promql}: {message}");
            return Err(message);
        }
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error} in {output:?}"))?;
        Ok(answer
            .as_array()
            .expect("a matrix")
            .iter()
            .map(|found| series_of(found, step))
            .collect())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it stays.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn series_of(
    found: &serde_json::Value,
    step: i64,
) -> (BTreeMap<String, String>, BTreeMap<i64, f64>) {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let tags = found["metric"].as_object().expect("labels").iter();
    let tags = tags.filter(|(key, _)| *key != "__name__").map(|(k, v)| (k.clone(), text(v)));
    let points = found["values"].as_array().expect("points").iter().map(|point| {
        let at = point[0].as_f64().expect("an instant");
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let at = at as i64 - step;
        (at, text(&point[1]).parse().expect("a number"))
    });
    (tags.collect(), points.collect())
}

fn create_blocks(points: &Path, blocks: &Path) {
    let output = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([points, blocks])
        .output()
        .expect("promtool runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn open_metrics(data: &[Series]) -> String {
    let mut text = String::new();
    for series in data {
        let tags: Vec<String> =
            series.tags.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
        for (at, value) in &series.points {
            writeln!(text, "{}{{{}}} {value} {at}", series.metric, tags.join(","))
                .expect("a string takes text");
        }
    }
    text.push_str("# EOF\n");
    text
}

struct Series {
    metric: &'static str,
    tags: Vec<(&'static str, &'static str)>,
    points: Vec<(i64, f64)>,
}

/// The points of a series: its value at each, or none.
fn series(
    metric: &'static str,
    tags: &[(&'static str, &'static str)],
    value: impl Fn(i64) -> Option<i64>,
) -> Series {
    let at = |n: i64| START + 5 + n * STEP;
    // Four points before the hour, for the first rate.
    let points = (-4..HOUR / STEP).filter_map(|n| Some((at(n), value(n)? as f64)));
    Series { metric, tags: tags.to_vec(), points: points.collect() }
}

/// What the rows ask for: counters that grow evenly and unevenly, rest and start again; gauges; a
/// series with gaps.
fn data() -> Vec<Series> {
    let mut data = Vec::new();
    for (n, host) in (1..).zip(["a", "b", "c", "d", "e"]) {
        // No two hosts have a value in common.
        let load = move |at: i64| Some((at + 4) * (n + 2) * 7 % 97 * 5 + n);
        data.push(series("load", &[("host", host)], load));
        data.push(series("memory_total", &[("host", host)], move |_| Some(n * 1000)));
        for (m, state) in (1..).zip(["free", "used"]) {
            let bytes = move |at: i64| Some((at + 4) * (n + m) % 31 + m * 100);
            data.push(series("memory", &[("host", host), ("state", state)], bytes));
        }
    }
    for (n, host) in (1..).zip(["a", "b"]) {
        for (m, status) in (1..).zip(["200", "404", "503"]) {
            let tags = [("host", host), ("region", "eu"), ("status", status)];
            data.push(series("requests", &tags, move |at| Some(100_000 + at * STEP * n * m)));
        }
        let squares = move |at: i64| (0..=at + 4).map(|k| k * k * n % 7 * STEP).sum();
        data.push(series("uneven", &[("host", host)], move |at| Some(squares(at))));
        let started_again = move |at: i64| if at < 102 { (at + 9) * STEP * n } else { at - 99 };
        data.push(series("restarted", &[("host", host)], move |at| Some(started_again(at))));
        let gaps = move |at: i64| (n == 1 || at.rem_euclid(16) < 8).then_some(at + n);
        data.push(series("sparse", &[("host", host)], gaps));
    }
    for (n, (host, service)) in (1..).zip([("a", "web"), ("b", "web"), ("c", "job")]) {
        for (m, generation) in (1..).zip(["old", "young"]) {
            let tags = [("generation", generation), ("host", host), ("service", service)];
            let millis = move |at: i64| Some(10_000 + at * STEP * (n + 5 * m));
            data.push(series("gc_millis", &tags, millis));
        }
    }
    for (n, route) in (1..).zip(["x", "y"]) {
        // Grows for three minutes and rests for three.
        let rests =
            |at: i64| -> i64 { (0..=at + 4).map(|k| if k / 12 % 2 == 0 { STEP } else { 0 }).sum() };
        data.push(series("idle", &[("route", route)], move |at| Some(n * rests(at))));
        for (m, quantile) in (1..).zip(["p50", "p95"]) {
            let tags = [("quantile", quantile), ("route", route)];
            data.push(series("latency", &tags, move |at| Some((at + 4) * (n + m) % 13 + 1)));
        }
    }
    data
}
