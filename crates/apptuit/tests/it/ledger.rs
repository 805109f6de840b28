//! recorded = delivered + spooled + queued + dropped, whatever happens.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apptuit::client::Interrupt;
use apptuit::metrics::{ManualClock, Registry};
use apptuit::reporter::{
    DropReason, HostTag, Ledger, OnFull, ReporterBuilder, SpoolDirectory, SpoolOptions,
};
use apptuit::{Reporter, Timestamp};

use crate::depot::{Depot, Weather};

const PATIENCE: Duration = Duration::from_secs(10);

fn reporter(registry: &Registry, depot: &Depot, clock: &ManualClock) -> ReporterBuilder {
    Reporter::builder(registry.clone(), depot.client("t"))
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("shop", "blr")
        .clock(clock.clone())
        .on_error(|_| ())
}

fn is_balanced(ledger: &Ledger) -> bool {
    let places = ledger.delivered() + ledger.spooled() + ledger.queued() + ledger.dropped();
    ledger.recorded() == places
}

/// What was kept without an answer is refused as a whole later, and goes in parts.
#[test]
fn what_waits_and_is_halved_was_kept_once() {
    let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
    registry.counter("orders").inc();
    let directory = tempfile::tempdir().unwrap();
    let options = SpoolOptions::new(directory.path()).min_free_bytes(0);
    let reporter = reporter(&registry, &depot, &clock).spool(options).build();
    for status in [413, 400] {
        depot.turns(Weather::Mute);
        clock.advance(Duration::from_mins(1));
        reporter.report_now().unwrap_err();
        depot.turns(Weather::OneByOne(status));
        clock.advance(Duration::from_mins(1));
        assert_eq!(reporter.flush(PATIENCE).unwrap().spooled, 0, "{status}");
    }
    let ledger = reporter.ledger();
    assert!(is_balanced(&ledger), "{ledger}");
    assert_eq!((ledger.recorded(), ledger.delivered()), (depot.points(), depot.points()));
    let twice: Vec<_> = depot.kept().into_iter().filter(|(_, values)| values.len() > 1).collect();
    assert_eq!(twice, []);
}

/// Weather as it comes, reports of many batches, queues and spools that are too small, restarts; and
/// the server counts for itself.
#[test]
fn the_account_is_balanced_at_every_instant_and_agrees_with_the_server() {
    for seed in 0..4 {
        // 400 and 413 are answers of something before the server, which may have kept the body before.
        let statuses = [500, 503, 429, 401, 413, 400];
        let mut random = fastrand::Rng::with_seed(seed);
        let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
        clock.set_timestamp(Timestamp::from_secs(1_700_000_000));
        let directory = tempfile::tempdir().unwrap();
        for n in 0..20 {
            registry.counter(format!("c{n}")).inc();
        }
        registry.gauge("never.set");
        registry.counter("broken{\"a\"").inc();
        let build = |random: &mut fastrand::Rng| {
            let builder = reporter(&registry, &depot, &clock).batch_points(7).queue_points(40);
            let options = SpoolOptions::new(directory.path()).min_free_bytes(0).max_bytes(6_000);
            let on_full = if random.bool() { OnFull::DropOldest } else { OnFull::DropNewest };
            let builder = builder.on_full(on_full);
            if seed % 2 == 0 { builder.spool(options).build() } else { builder.build() }
        };
        let mut reporter = build(&mut random);
        let mut earlier = Ledger::default();
        for _ in 0..40 {
            depot.turns(match random.u32(..8) {
                0 => Weather::Unreachable,
                1 | 2 => Weather::Mute,
                3 => Weather::OneByOne(statuses[4 + random.usize(..2)]),
                4 => Weather::Status(statuses[random.usize(..statuses.len())]),
                _ => Weather::Fine,
            });
            clock.advance(Duration::from_secs(10));
            let (done, watched) = (AtomicBool::new(false), reporter.clone());
            std::thread::scope(|scope| {
                let watcher = scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        let ledger = watched.ledger();
                        assert!(is_balanced(&ledger), "{ledger}");
                    }
                });
                if random.u32(..4) == 0 {
                    reporter.flush(Duration::from_millis(20)).unwrap();
                } else {
                    let _ = reporter.report_now();
                }
                done.store(true, Ordering::Release);
                watcher.join().unwrap();
            });
            drop(watched);
            if random.u32(..10) == 0 {
                if seed % 2 == 1 {
                    earlier = earlier.plus(&reporter.ledger());
                }
                let recorded = reporter.ledger().recorded();
                drop(reporter);
                if seed % 2 == 0 {
                    // A flush that was left alone may hold it still.
                    let drawers = || SpoolDirectory::new(directory.path()).drawers().unwrap();
                    while drawers().iter().any(|drawer| drawer.is_in_use) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    reporter = build(&mut random);
                    assert!(reporter.ledger().recorded() >= recorded, "it goes on where it was");
                } else {
                    reporter = build(&mut random);
                }
            }
        }
        depot.turns(Weather::Fine);
        clock.advance(Duration::from_secs(10));
        let flushed = reporter.flush(PATIENCE).unwrap();
        let ledger = reporter.ledger();
        assert!(is_balanced(&ledger), "{ledger}");
        assert_eq!((flushed.spooled, flushed.queued, ledger.queued()), (0, 0, 0), "{ledger}");
        // What a server keeps without an answer may be dropped here and be there all the same.
        let (kept, sum) = (depot.points(), earlier.plus(&ledger));
        let gone = sum.dropped() + sum.queued();
        assert!(sum.delivered() <= kept && kept <= sum.delivered() + gone, "{kept} kept: {sum}");
        let twice: Vec<_> =
            depot.kept().into_iter().filter(|(_, values)| values.len() > 1).collect();
        assert!(twice.is_empty(), "seed {seed}: kept more than once: {twice:?}");
        assert!(ledger.dropped_for(DropReason::NotFinite) > 0, "{ledger}");
        assert!(ledger.dropped_for(DropReason::Unreadable) > 0, "{ledger}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A copy of the directory is what a killed process leaves: nobody holds its lock.
#[test]
fn what_a_killed_process_held_in_memory_is_accounted_for_as_a_crash() {
    let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
    let (directory, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    registry.counter("orders").inc();
    let options = |path: &Path| SpoolOptions::new(path).min_free_bytes(0);
    depot.turns(Weather::Unreachable);
    let killed = reporter(&registry, &depot, &clock).spool(options(directory.path())).build();
    killed.report_now().unwrap_err();
    let spooled = killed.ledger().spooled();
    let release = Interrupt::new();
    depot.turns(Weather::Hangs(release.clone()));
    std::thread::scope(|scope| {
        scope.spawn(|| killed.report_now());
        while killed.ledger().queued() == 0 {
            std::thread::yield_now();
        }
        copy(directory.path(), left.path());
        release.trigger();
    });

    let ledger = &SpoolDirectory::new(left.path()).drawers().unwrap()[0].ledger;
    assert_eq!(ledger.dropped_for(DropReason::Crash), 1, "{ledger}");
    depot.turns(Weather::Fine);
    let next = reporter(&registry, &depot, &clock).spool(options(left.path())).build();
    let ledger = next.ledger();
    assert_eq!((ledger.recorded(), ledger.spooled(), ledger.queued()), (spooled + 1, spooled, 0));
    assert_eq!(ledger.dropped_for(DropReason::Crash), 1, "{ledger}");
}

#[test]
fn a_full_queue_drops_what_it_is_told_to_and_counts_it() {
    let cases =
        [(OnFull::DropOldest, ["30", "40", "50"]), (OnFull::DropNewest, ["10", "20", "50"])];
    for (on_full, expected) in cases {
        let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
        registry.counter("orders");
        // Two reports of one point and the 18 about them.
        let builder = reporter(&registry, &depot, &clock).queue_points(2 * 19).on_full(on_full);
        let reporter = builder.build();
        depot.turns(Weather::Status(503));
        for _ in 0..4 {
            clock.advance(Duration::from_secs(10));
            reporter.report_now().unwrap_err();
        }
        let ledger = reporter.ledger();
        assert_eq!((ledger.recorded(), ledger.queued()), (4 * 19, 2 * 19), "{ledger}");
        assert_eq!(ledger.dropped_for(DropReason::QueueFull), 2 * 19);
        depot.turns(Weather::Fine);
        clock.advance(Duration::from_secs(10));
        let flushed = reporter.flush(PATIENCE).unwrap();
        assert_eq!((flushed.delivered, flushed.queued, flushed.dropped), (3 * 19, 0, 0));
        let kept = depot.kept();
        let times = kept.keys().filter(|(metric, ..)| metric == "orders_count");
        assert_eq!(times.map(|(.., time)| time.as_str()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
    registry.counter("orders");
    depot.turns(Weather::Unreachable);
    let reporter = reporter(&registry, &depot, &clock).queue_bytes(1).build();
    reporter.report_now().unwrap_err();
    let ledger = reporter.ledger();
    assert_eq!((ledger.queued(), ledger.dropped_for(DropReason::QueueFull)), (0, 19), "{ledger}");
}

#[test]
fn the_account_travels_as_metrics_when_it_is_wanted() {
    let (registry, depot, clock) = (Registry::new(), Depot::default(), ManualClock::new());
    registry.counter("orders");
    registry.gauge("never.set");
    let reporter = reporter(&registry, &depot, &clock).ledger_metrics(true).build();
    depot.turns(Weather::Unreachable);
    reporter.report_now().unwrap_err();
    let before = reporter.ledger();
    depot.turns(Weather::Fine);
    clock.advance(Duration::from_secs(10));
    reporter.report_now().unwrap();
    let value = |metric: &str| {
        let kept = depot.kept();
        let mut points = kept.iter().filter(|((name, ..), _)| name == metric);
        points.next_back().map(|(_, values)| values[0])
    };
    // As of the moment before these numbers were points themselves.
    let count = |n: u64| Some(f64::from(u32::try_from(n).unwrap()));
    assert_eq!(value("apptuit_reporter_ledger_recorded_count"), count(before.recorded() + 2));
    assert_eq!(value("apptuit_reporter_ledger_delivered_count"), count(1));
    assert_eq!(value("apptuit_reporter_ledger_queued_value"), count(before.queued()));
    assert_eq!(value("apptuit_reporter_ledger_spooled_value"), count(0));
    assert_eq!(value("apptuit_reporter_ledger_dropped_count"), count(2));
    let kept = depot.kept();
    assert!(kept.keys().any(|(_, tags, _)| tags.contains(r#""reason":"not_finite""#)));
}
