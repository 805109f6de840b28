//! What a process takes from its machine. The names begin with `process` instead of `python`.

use std::collections::BTreeMap;

use apptuit::Reporter;
use apptuit::client::MockTransport;
use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, ProcessMetrics};

use super::{World, sent};
use crate::{client_of, skip};

/// The values that a server has of a metric after one report, by the tag `type`; `None` where
/// process metrics are not those of Linux.
fn reported(metric: &str) -> Option<BTreeMap<String, f64>> {
    if !cfg!(target_os = "linux") {
        skip("process metrics are checked on Linux");
        return None;
    }
    let world = World::new();
    let registry = Registry::new();
    let reporter = world.reporter(&registry).process_metrics(ProcessMetrics::new()).build();
    reporter.report_now().expect("a report");
    let kind = |tags: &apptuit::Tags| tags.get("type").unwrap_or_default().to_owned();
    let series = world.series(metric);
    for one in &series {
        assert_eq!(one.tags().get("worker_id"), Some(&*std::process::id().to_string()));
    }
    Some(series.iter().map(|one| (kind(one.tags()), one.values()[0])).collect())
}

fn kinds(values: &BTreeMap<String, f64>) -> Vec<&str> {
    values.keys().map(String::as_str).collect()
}

#[test]
fn f53_process_metrics_are_reported_only_if_they_are_asked_for() {
    let is_reported = |metrics: Option<ProcessMetrics>| {
        let server = MockTransport::new();
        let registry = Registry::new();
        registry.counter("c").inc();
        let builder = Reporter::builder(registry, client_of(&server).build().unwrap());
        let builder = builder.ignore_environment().host_tag(HostTag::Off).tag("k", "v");
        let builder = match metrics {
            Some(metrics) => builder.process_metrics(metrics),
            None => builder,
        };
        builder.build().report_now().unwrap();
        sent(&server).iter().any(|(metric, _)| metric.starts_with("process_"))
    };
    assert!(!is_reported(None) && is_reported(Some(ProcessMetrics::new())));
}

#[test]
fn f54_processor_seconds_are_those_of_the_user_and_of_the_system() {
    let Some(seconds) = reported("process_cpu_time_used_seconds_count") else { return };
    assert_eq!(kinds(&seconds), ["system", "user"]);
    assert!(seconds.values().sum::<f64>() > 0.0 && seconds.values().all(|n| *n < 3600.0));
}

#[test]
fn f55_memory_is_in_bytes() {
    let Some(bytes) = reported("process_memory_usage_bytes_value") else { return };
    assert_eq!(kinds(&bytes), ["main", "peak", "shared", "unshared", "unshared_stack_size"]);
    // What the kernel says in kilobytes; other threads of this program come and go meanwhile.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let ratio = bytes["main"] / (kilobytes * 1024.0);
    assert!((0.3..3.0).contains(&ratio), "{ratio}");
    assert!(bytes["peak"] >= bytes["main"]);
}

#[test]
fn f56_page_faults_are_counted() {
    let Some(faults) = reported("process_page_faults_count") else { return };
    assert_eq!(kinds(&faults), ["major", "minor"]);
    // Each new page is a minor one; a major one is a read from disk.
    assert!(faults["minor"] > 100.0 && faults["minor"] > faults["major"]);
}

#[test]
fn f57_swaps_are_there_and_zero_on_linux() {
    let Some(swaps) = reported("process_swaps_count") else { return };
    assert_eq!(swaps, [(String::new(), 0.0)].into());
}

#[test]
fn f58_block_operations_are_input_and_output() {
    let Some(blocks) = reported("process_block_operations_count") else { return };
    assert_eq!(kinds(&blocks), ["input", "output"]);
    assert!(blocks.values().all(|n| *n >= 0.0));
}

#[test]
fn f59_ipc_messages_are_sent_and_received() {
    let Some(messages) = reported("process_ipc_messages_count") else { return };
    assert_eq!(messages, [("received".to_owned(), 0.0), ("sent".to_owned(), 0.0)].into());
}

#[test]
fn f60_signals_are_there_and_zero_on_linux() {
    let Some(signals) = reported("process_system_signals_count") else { return };
    assert_eq!(signals, [(String::new(), 0.0)].into());
}

#[test]
fn f61_context_switches_are_voluntary_and_involuntary() {
    let Some(switches) = reported("process_context_switches_count") else { return };
    assert_eq!(kinds(&switches), ["involuntary", "voluntary"]);
    // It waited for the server's answer, for one.
    assert!(switches["voluntary"] > 0.0);
}

/// In place of Python's threads by kind: the threads the system knows.
#[test]
fn f62_threads_are_counted() {
    let Some(threads) = reported("process_thread_value") else { return };
    assert_eq!(kinds(&threads), ["total"]);
    // This one, and those of the server beside it.
    assert!(threads["total"] >= 2.0);
}

/// Nothing is collected here: there are no metrics of collections, nor under Python's names.
#[test]
fn f63_collections_of_garbage_are_left_to_python() {
    let points = ProcessMetrics::new().points("", apptuit::Timestamp::now());
    assert!(points.iter().all(|point| !point.metric().contains("gc")));
}

/// The package for Python adds them under `python`, beside the others under that name.
#[test]
fn f64_thresholds_of_collections_are_left_to_python() {
    let points = ProcessMetrics::named("python").points("", apptuit::Timestamp::now());
    assert!(points.iter().all(|point| point.metric().starts_with("python.")));
    assert!(points.iter().all(|point| !point.metric().contains("threshold")));
}
