//! The tools of Prometheus accept the text for scrapers.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use apptuit_metrics::open_metrics::{Format, text};
use apptuit_metrics::{Description, Registry};

use crate::open_metrics::whole;

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let text = text(&whole(), Format::Prometheus);
    let Some(said) = promtool(&["check", "metrics"], &text) else { return };
    assert!(said.status.success() && said.stderr.is_empty(), "{}", output(&said));
    // It would complain: a counter whose name does not say so, and no help.
    let bad = promtool(&["check", "metrics"], "# TYPE x counter\nx 1\n").expect("it ran before");
    assert!(!bad.status.success(), "{}", output(&bad));
}

#[test]
fn prometheus_reads_open_metrics() {
    let whole = text(&whole(), Format::OpenMetrics);
    let Some(said) = read_open_metrics(&whole) else { return };
    assert!(said.status.success(), "{}", output(&said));
    let without_end = whole.replace("# EOF\n", "");
    let bad = read_open_metrics(&without_end).expect("it ran before");
    assert!(!bad.status.success(), "{}", output(&bad));
}

#[test]
fn text_of_any_kind_in_any_place_is_still_read() {
    let texts =
        ["", " ", "\n", "\r", "\"", "\\", "\\n", "{", "}", "# EOF\n", "a b", "9", "प", "__name__"];
    let registry = Registry::new();
    for (n, metric) in texts.into_iter().enumerate() {
        let metric = format!("m{metric}");
        registry.describe(&*metric, Description::new(texts[n]).unit(texts[texts.len() - 1 - n]));
        for (key, value) in texts.iter().flat_map(|key| texts.map(|value| (*key, value))) {
            let name = (&metric, [(key, value)]);
            registry.counter(name).inc();
            registry.meter(name).mark();
            registry.gauge(name).set(f64::NEG_INFINITY);
        }
        registry.histogram(&metric).record(-1);
        registry.timer(&metric).record(Duration::ZERO);
    }
    let Some(said) = read_open_metrics(&text(&registry, Format::OpenMetrics)) else { return };
    assert!(said.status.success(), "{}", output(&said));
    // Names of that kind are against its customs, but not beyond its understanding.
    let said = promtool(&["check", "metrics"], &text(&registry, Format::Prometheus));
    let said = said.expect("it ran before");
    assert!(matches!(said.status.code(), Some(0 | 3)), "{}", output(&said));
}

/// What Prometheus' own reader says, which asks for a time in each line.
fn read_open_metrics(text: &str) -> Option<Output> {
    let time = |line: &str| if line.starts_with('#') { "" } else { " 1700000000" };
    let timed: String = text.lines().flat_map(|line| [line, time(line), "\n"]).collect();
    let folder = tempfile::tempdir().expect("a folder for the blocks");
    let file = folder.path().join("text");
    std::fs::write(&file, timed).expect("the text is written");
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let (file, blocks) = (path(&file), path(&folder.path().join("blocks")));
    promtool(&["tsdb", "create-blocks-from", "openmetrics", &file, &blocks], "")
}

/// What `promtool` says; `None`, and a reason, on a machine without it, but never in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "`promtool` is missing");
        println!("skipped: this test needs `promtool`, of Debian's package prometheus");
        return None;
    };
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).expect("promtool reads its input");
    drop(stdin);
    Some(child.wait_with_output().expect("promtool ends"))
}

fn output(said: &Output) -> String {
    format!(
        "{}{}{}",
        said.status,
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    )
}
