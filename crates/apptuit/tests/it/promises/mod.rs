//! What the service's README promises, row by row: `f01` to `f76`, each a test.
//!
//! The README is that of a Python package. A row that is about Python has a test too, of what stands
//! in its place here.

mod client;
mod data;
mod instruments;
mod process;
mod reporter;

use std::collections::BTreeMap;
use std::process::{Command, Output};

use apptuit::client::{MockTransport, Request};
use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, ReporterBuilder};
use apptuit::{Client, Reporter, TimeRange, TimeSeries};

use crate::end_to_end::{self, Running};
use crate::json_of;

const ROWS: usize = 76;

/// Set for the process of a test that is run again with variables of its own.
const AGAIN: &str = "APPTUIT_TEST_AGAIN";

#[test]
fn every_promise_has_one_test() {
    let program = std::env::current_exe().expect("the path of this program");
    let list =
        Command::new(program).args(["--list", "--format", "terse"]).output().expect("a list");
    let list = String::from_utf8(list.stdout).expect("text");
    let mut tests: BTreeMap<String, usize> = BTreeMap::new();
    for line in list.lines().filter(|line| line.starts_with("promises::")) {
        let name = line.rsplit("::").next().unwrap_or_default();
        *tests.entry(name.chars().take(4).collect()).or_default() += 1;
    }
    for row in 1..=ROWS {
        assert_eq!(tests.get(&format!("f{row:02}_")), Some(&1), "tests of row F{row:02}");
    }
}

/// A server that keeps what it is sent, and a client of it.
struct World {
    running: Running,
    client: Client,
}

impl World {
    fn new() -> Self {
        let running = end_to_end::start();
        let client = end_to_end::client(&running);
        Self { running, client }
    }

    /// A reporter to it, with one tag and no host.
    fn reporter(&self, registry: &Registry) -> ReporterBuilder {
        let builder = Reporter::builder(registry.clone(), self.client.clone());
        builder.ignore_environment().host_tag(HostTag::Off).tag("service", "shop")
    }

    /// The series the server has of a metric; none if it does not know the metric.
    fn series(&self, metric: &str) -> Vec<TimeSeries> {
        match self.client.query(&format!("fetch('{metric}')"), TimeRange::ALL) {
            Ok(answer) => answer.into_iter().flat_map(apptuit::Output::into_series).collect(),
            Err(error) => {
                assert!(error.to_string().contains("not found"), "{error}");
                Vec::new()
            }
        }
    }

    /// The newest value of the only series of a metric.
    fn value(&self, metric: &str) -> f64 {
        let series = self.series(metric);
        assert_eq!(series.len(), 1, "series of {metric}");
        *series[0].values().last().expect("a point")
    }
}

/// Metric and tags of the points that were put, as they travelled.
fn sent(server: &MockTransport) -> Vec<(String, BTreeMap<String, String>)> {
    server.requests().iter().flat_map(names).collect()
}

fn names(request: &Request) -> Vec<(String, BTreeMap<String, String>)> {
    let body = json_of(request);
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let point = |point: &serde_json::Value| {
        let tags = point["tags"].as_object().expect("tags").iter();
        (text(&point["metric"]), tags.map(|(key, value)| (key.clone(), text(value))).collect())
    };
    body.as_array().expect("points").iter().map(point).collect()
}

/// Runs `body` in a process that has these variables of ours and no others, and gives what it said;
/// `None` in that process itself. `test` is the name of the test that calls this.
fn with_variables(test: &str, variables: &[(&str, &str)], body: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(AGAIN).is_some() {
        body();
        return None;
    }
    let test = test.split_once("::").expect("a path").1;
    let mut program = Command::new(std::env::current_exe().expect("the path of this program"));
    program.args(["--exact", test, "--nocapture"]).env(AGAIN, "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("APPTUIT_") {
            program.env_remove(name);
        }
    }
    let output = program.env(AGAIN, "1").envs(variables.iter().copied()).output().expect("a run");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{test}: {output:?}");
    Some(output)
}
