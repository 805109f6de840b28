//! Reports of other things than a registry, of other instants than now, and in a forked process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apptuit::metrics::Registry;
use apptuit::metrics::collect::{LeftOut, Skipped};
use apptuit::reporter::{DropReason, HostTag, MetricSource, ReporterBuilder};
use apptuit::{DataPoint, ErrorKind, Reporter, Timestamp};

use crate::depot::{Depot, Weather};

/// Says how often it was asked, and has a metric that cannot be read.
#[derive(Clone, Default)]
struct Foreign(Arc<AtomicUsize>);

impl MetricSource for Foreign {
    fn collect(
        &self,
        prefix: &str,
        timestamp: Timestamp,
        take: &mut dyn FnMut(DataPoint),
    ) -> LeftOut {
        let asked = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        take(DataPoint::new(format!("{prefix}asked"), timestamp, asked as f64));
        let skipped = Skipped { name: "broken".to_owned(), reason: "no number".to_owned() };
        LeftOut { skipped: vec![skipped], non_finite: 2 }
    }
}

fn settled(builder: ReporterBuilder) -> ReporterBuilder {
    builder.ignore_environment().host_tag(HostTag::Off).tag("a", "b").on_error(|_| {})
}

#[test]
fn any_source_is_reported_and_what_it_leaves_out_is_in_the_account() {
    let depot = Depot::default();
    let builder = Reporter::builder(Foreign::default(), depot.client("t")).prefix("shop.");
    let reporter = settled(builder).build();
    let error = reporter.report_now().unwrap_err();
    assert_eq!((error.kind(), error.failed()), (ErrorKind::Rejected, 1));
    assert!(error.to_string().contains("broken"), "{error}");
    assert_eq!(depot.count("shop_asked"), 1);
    let ledger = reporter.ledger();
    assert_eq!(ledger.dropped_for(DropReason::Unreadable), 1);
    assert_eq!(ledger.dropped_for(DropReason::NotFinite), 2);
}

#[test]
fn another_source_and_another_instant_count_in_the_same_numbers() {
    let (depot, registry, other) = (Depot::default(), Registry::new(), Registry::new());
    registry.counter("own").inc();
    other.counter("other").inc();
    let reporter = settled(Reporter::builder(registry, depot.client("t"))).build();
    reporter.report_from(&other, Some(Timestamp::from_secs(60))).unwrap();
    let kept = depot.kept();
    let of = |metric: &str| -> Vec<_> {
        kept.keys().filter(|(name, ..)| name == metric).map(|(.., at)| at.as_str()).collect()
    };
    assert_eq!((of("other_count"), of("own_count")), (vec!["60"], Vec::new()));
    // The numbers about sending are of now.
    assert!(of("apptuit_reporter_send_total_count").iter().all(|at| at.len() == 10));
    reporter.report_now().unwrap();
    let total = reporter.self_metrics().counter("apptuit.reporter.send.total");
    assert_eq!(total.count(), 2);
}

#[test]
fn a_delayed_start_reports_later_or_when_it_is_stopped() {
    let registry = Registry::new();
    let registry_of = || registry.clone();
    registry.counter("c").inc();
    let depot = Depot::default();
    let reporter = settled(Reporter::builder(registry_of(), depot.client("t"))).build();
    let running = reporter.start_in(Duration::from_millis(300)).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the delay is one of real time")]
    let started = Instant::now();
    assert_eq!(depot.points(), 0);
    while depot.points() == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "it never reports");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    running.stop().unwrap();

    let depot = Depot::default();
    let reporter = settled(Reporter::builder(registry_of(), depot.client("t"))).build();
    reporter.start_in(Duration::from_hours(1)).unwrap().stop().unwrap();
    assert_eq!(depot.count("c_count"), 1);
}

#[test]
fn an_abandoned_reporter_leaves_what_waits_to_the_other_process() {
    let directory = tempfile::tempdir().unwrap();
    let (depot, registry) = (Depot::default(), Registry::new());
    registry.counter("c").inc();
    let reporter = || {
        let builder = Reporter::builder(registry.clone(), depot.client("t"));
        settled(builder).spool_dir(directory.path()).build()
    };
    let files = || walk(directory.path());
    let now = Timestamp::now().as_secs();
    let (first, second) = (now - 200, now - 100);
    let at = |seconds| Some(Timestamp::from_secs(seconds));
    depot.turns(Weather::Unreachable);
    let parents = reporter();
    parents.report_from(&registry, at(first)).unwrap_err();
    let before = files();

    parents.abandon();
    parents.report_from(&registry, at(second)).unwrap_err();
    assert_eq!(files(), before, "it writes nothing, to no file and no account");
    depot.turns(Weather::Fine);
    parents.flush(Duration::from_secs(5)).unwrap();
    assert!(!sent(&depot).contains(&first) && sent(&depot).contains(&second));
    #[expect(clippy::mem_forget, reason = "the parent of a fork goes on, with all that is open")]
    std::mem::forget(parents);
    // Its files are closed, so that another process finds what is left.
    let flushed = reporter().flush(Duration::from_secs(5)).unwrap();
    assert_eq!(flushed.spooled, 0);
    assert!(sent(&depot).contains(&first), "{:?}", sent(&depot));
}

/// The times of what was kept of the counter.
fn sent(depot: &Depot) -> BTreeSet<i64> {
    let kept = depot.kept();
    kept.keys()
        .filter(|(metric, ..)| metric == "c_count")
        .map(|(.., at)| at.parse().expect("seconds"))
        .collect()
}

/// The files below a directory, with what is in them.
fn walk(directory: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
    found.sort();
    found
}
