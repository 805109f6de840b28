//! What waits on disk: outages, restarts, damage, full disks, other processes, jumping clocks.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit::client::Interrupt;
use apptuit::metrics::{Counter, ManualClock, Registry};
use apptuit::reporter::{DropReason, HostTag, ReporterBuilder, SpoolDirectory, SpoolOptions};
use apptuit::{Error, ErrorKind, Reporter, Timestamp};
use tempfile::TempDir;

use crate::depot::{Depot, Weather};

const PATIENCE: Duration = Duration::from_secs(10);
/// Points of a report: a counter's, and 18 about the reporter.
const REPORT: u64 = 19;
const METRIC: &str = "orders_count";

/// A shop that reports to a depot, and spools into a directory.
struct Shop {
    depot: Depot,
    clock: ManualClock,
    registry: Registry,
    orders: Counter,
    errors: Arc<Mutex<Vec<(ErrorKind, String)>>>,
    token: &'static str,
}

impl Shop {
    fn new() -> Self {
        let (clock, registry) = (ManualClock::new(), Registry::new());
        clock.set_timestamp(Timestamp::from_secs(1_700_000_000));
        let orders = registry.counter("orders");
        let (depot, errors) = (Depot::default(), Arc::default());
        Self { depot, clock, registry, orders, errors, token: "s3cret" }
    }

    fn builder(&self) -> ReporterBuilder {
        let errors = Arc::clone(&self.errors);
        Reporter::builder(self.registry.clone(), self.depot.client(self.token))
            .ignore_environment()
            .host_tag(HostTag::Off)
            .tag("shop", "blr")
            .clock(self.clock.clone())
            .ledger_metrics(false)
            .on_error(move |error: &Error| {
                errors.lock().expect("no panic").push((error.kind(), error.to_string()));
            })
    }

    fn reporter(&self, directory: &Path) -> Reporter {
        self.builder().spool(options(directory)).build()
    }

    /// A report at a time of its own.
    fn report(&self, reporter: &Reporter) -> apptuit::Result<()> {
        self.clock.advance(Duration::from_secs(10));
        self.orders.inc();
        reporter.report_now()
    }

    fn told(&self, kind: ErrorKind) -> Vec<String> {
        let errors = self.errors.lock().expect("no panic");
        errors.iter().filter(|(had, _)| *had == kind).map(|(_, text)| text.clone()).collect()
    }
}

/// Machines that run tests are often short of space.
fn options(directory: &Path) -> SpoolOptions {
    SpoolOptions::new(directory).min_free_bytes(0)
}

/// A shop and its directory, in which so many reports wait.
fn in_an_outage(reports: usize) -> (Shop, TempDir, Reporter) {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().expect("a directory"));
    shop.depot.turns(Weather::Unreachable);
    let reporter = shop.reporter(directory.path());
    for _ in 0..reports {
        shop.report(&reporter).expect_err("nobody is there");
    }
    (shop, directory, reporter)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn bodies(directory: &Path) -> Vec<PathBuf> {
    let mut found = files(directory);
    found.retain(|path| path.extension().is_some_and(|end| end == "body"));
    found.sort();
    found
}

fn assert_balanced(reporter: &Reporter) {
    let ledger = reporter.ledger();
    let places = ledger.delivered() + ledger.spooled() + ledger.queued() + ledger.dropped();
    assert_eq!(ledger.recorded(), places, "{ledger}");
}

#[test]
fn what_could_not_be_delivered_waits_on_disk_over_a_restart_and_arrives_with_its_own_time() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Unreachable);
    let reporter = shop.reporter(directory.path());
    for _ in 0..3 {
        let error = shop.report(&reporter).unwrap_err();
        assert_eq!((error.kind(), error.failed()), (ErrorKind::Unreachable, 1));
    }
    assert_eq!((reporter.ledger().spooled(), reporter.ledger().queued()), (3 * REPORT, 0));
    assert_eq!(bodies(directory.path()).len(), 6);
    drop(reporter);

    shop.depot.turns(Weather::Fine);
    shop.clock.advance(Duration::from_hours(1));
    let reporter = shop.reporter(directory.path());
    let flushed = reporter.flush(PATIENCE).unwrap();
    assert!(flushed.is_complete(), "{flushed:?}");
    assert_eq!(flushed.delivered, 4 * REPORT);
    let times = shop.depot.kept();
    let times =
        times.keys().filter(|(metric, ..)| metric == METRIC).map(|(.., time)| time.as_str());
    let expected = ["1700000010", "1700000020", "1700000030", "1700003630"];
    assert_eq!(times.collect::<Vec<_>>(), expected);
    assert_eq!(shop.depot.count(METRIC), 4);
    let ledger = reporter.ledger();
    assert_eq!((ledger.recorded(), ledger.delivered()), (4 * REPORT, 4 * REPORT));
    assert!(bodies(directory.path()).is_empty());
}

#[test]
fn what_waits_goes_oldest_first_and_under_the_key_of_its_first_try() {
    let (shop, _directory, reporter) = in_an_outage(3);
    let tried: Vec<_> = shop.depot.requests().into_iter().map(|(key, _)| key).collect();
    shop.depot.turns(Weather::Fine);
    reporter.flush(PATIENCE).unwrap();
    let kept: Vec<_> = shop.depot.requests().into_iter().filter(|(_, kept)| *kept).collect();
    // The report of the flush went first.
    let kept: Vec<_> = kept.into_iter().skip(2).map(|(key, _)| key).collect();
    assert_eq!(kept, tried);
}

#[test]
fn what_was_kept_without_an_answer_is_not_kept_twice() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Mute);
    let reporter = shop.reporter(directory.path());
    shop.report(&reporter).unwrap_err();
    shop.depot.turns(Weather::Fine);
    shop.clock.advance(Duration::from_secs(10));
    assert!(reporter.flush(PATIENCE).unwrap().is_complete());
    assert_eq!(shop.depot.count(METRIC), 2);
    assert_eq!(reporter.ledger().delivered(), 2 * REPORT);
}

#[test]
fn damaged_files_are_put_aside_and_told_and_the_others_arrive() {
    let (shop, directory, reporter) = in_an_outage(20);
    drop(reporter);
    let files = bodies(directory.path());
    assert_eq!(files.len(), 40);
    let mut lost = 0;
    for (n, file) in files.iter().enumerate() {
        let mut bytes = fs::read(file).unwrap();
        match n % 4 {
            0 => bytes.truncate(fastrand::usize(..bytes.len())),
            1 => {
                let at = fastrand::usize(..bytes.len());
                bytes[at] ^= 1 << fastrand::u32(..8);
            }
            2 => bytes.extend_from_slice(b"more"),
            _ => continue,
        }
        let name = file.file_name().unwrap().to_str().unwrap();
        lost += name.split('-').nth(1).unwrap().parse::<u64>().unwrap();
        fs::write(file, bytes).unwrap();
    }
    let drawers = SpoolDirectory::new(directory.path()).drawers().unwrap();
    assert_eq!(drawers[0].verify().unwrap().len(), 30);
    assert_eq!(bodies(directory.path()), files, "looking changes nothing");

    shop.depot.turns(Weather::Fine);
    let reporter = shop.reporter(directory.path());
    reporter.flush(PATIENCE).unwrap();
    assert_balanced(&reporter);
    let ledger = reporter.ledger();
    assert_eq!(ledger.dropped_for(DropReason::Damaged), lost);
    assert_eq!(ledger.delivered(), 21 * REPORT - lost);
    assert_eq!(shop.depot.points(), 21 * REPORT - lost);
    assert_eq!(shop.told(ErrorKind::Spool).len(), 30);
    let aside = bodies(directory.path());
    assert_eq!(aside.len(), 30);
    assert!(aside.iter().all(|file| file.parent().unwrap().ends_with("quarantine")));
}

#[test]
fn no_other_token_sends_what_waits() {
    let (mut shop, directory, reporter) = in_an_outage(1);
    drop(reporter);
    shop.depot.turns(Weather::Fine);
    let own = shop.token;
    shop.token = "another";
    let another = shop.reporter(directory.path());
    assert_eq!(another.flush(PATIENCE).unwrap().delivered, REPORT);
    shop.token = own;
    assert_eq!(shop.reporter(directory.path()).flush(PATIENCE).unwrap().delivered, 2 * REPORT);
    for file in files(directory.path()) {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains("s3cret"), "{}", file.display());
    }
}

#[test]
fn processes_share_a_directory_and_take_over_what_others_left() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Unreachable);
    let reporters: Vec<_> = (0..3).map(|_| shop.reporter(directory.path())).collect();
    for reporter in &reporters {
        shop.report(reporter).unwrap_err();
        assert_eq!(reporter.ledger().spooled(), REPORT);
    }
    let drawers = SpoolDirectory::new(directory.path()).drawers().unwrap();
    assert_eq!(
        drawers.iter().filter(|drawer| drawer.is_in_use && drawer.points == REPORT).count(),
        3
    );

    let [first, second, third] = <[Reporter; 3]>::try_from(reporters).unwrap();
    drop((first, second));
    shop.depot.turns(Weather::Fine);
    let fourth = shop.reporter(directory.path());
    let flushed = fourth.flush(PATIENCE).unwrap();
    assert_eq!(flushed.delivered, 2 * REPORT, "its own drawer's and a report");
    assert!(flushed.is_complete(), "{flushed:?}");
    assert_eq!(shop.depot.count(METRIC), 3, "those of two that are gone, and its own");
    drop(fourth);
    assert_eq!(third.flush(PATIENCE).unwrap().delivered, 2 * REPORT);
    let drawers = SpoolDirectory::new(directory.path()).drawers().unwrap();
    let sum = drawers.iter().fold(third.ledger(), |sum, drawer| {
        if drawer.is_in_use { sum } else { sum.plus(&drawer.ledger) }
    });
    assert_eq!((sum.recorded(), sum.delivered()), (5 * REPORT, 5 * REPORT), "{sum}");
    assert_eq!(drawers.len(), 3, "drawers are used again");
}

#[test]
fn a_spool_that_is_full_drops_what_is_oldest() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Unreachable);
    let reporter = shop.builder().spool(options(directory.path()).max_bytes(3_000)).build();
    for _ in 0..20 {
        shop.report(&reporter).unwrap_err();
        assert_balanced(&reporter);
    }
    let kept = bodies(directory.path());
    let bytes: u64 = kept.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(bytes <= 3_000 && bytes > 1_500, "{bytes}");
    let ledger = reporter.ledger();
    assert_eq!(ledger.dropped_for(DropReason::SpoolFull) + ledger.spooled(), 20 * REPORT);
    shop.depot.turns(Weather::Fine);
    reporter.flush(PATIENCE).unwrap();
    let times = shop.depot.kept();
    assert!(times.keys().any(|(.., time)| time == "1700000200"), "the latest is there");
}

#[test]
fn points_that_are_too_old_are_dropped_but_a_date_that_jumps_drops_none() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Unreachable);
    let day = Duration::from_hours(24);
    let reporter = shop.builder().spool(options(directory.path()).max_age(day)).build();
    shop.report(&reporter).unwrap_err();
    // Years ahead, and back.
    let now = Timestamp::from_secs(1_700_000_010);
    for date in [Timestamp::from_secs(1_900_000_000), Timestamp::from_secs(0), now] {
        shop.clock.set_timestamp(date);
        shop.report(&reporter).unwrap_err();
    }
    let ledger = reporter.ledger();
    assert_eq!((ledger.spooled(), ledger.dropped()), (4 * REPORT, 0), "{ledger}");

    shop.clock.advance(2 * day);
    shop.report(&reporter).unwrap_err();
    let ledger = reporter.ledger();
    assert_balanced(&reporter);
    assert!(ledger.dropped_for(DropReason::TooOld) >= REPORT, "{ledger}");
    assert!(ledger.spooled() >= REPORT, "{ledger}");
}

#[test]
fn a_disk_without_space_keeps_batches_in_memory_and_says_so_once() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    shop.depot.turns(Weather::Unreachable);
    let spool = SpoolOptions::new(directory.path()).min_free_bytes(u64::MAX);
    let reporter = shop.builder().spool(spool).build();
    for _ in 0..3 {
        shop.report(&reporter).unwrap_err();
    }
    let ledger = reporter.ledger();
    assert_eq!((ledger.spooled(), ledger.queued()), (0, 3 * REPORT));
    let told = shop.told(ErrorKind::Spool);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("bytes left"), "{told:?}");
    shop.depot.turns(Weather::Fine);
    shop.clock.advance(Duration::from_secs(10));
    assert!(reporter.flush(PATIENCE).unwrap().is_complete());
    assert_eq!(shop.depot.count(METRIC), 4);
}

#[test]
fn a_spool_that_cannot_be_opened_is_told_by_start_with_its_path() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = shop.reporter(&file).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_batch_the_server_fails_on_holds_no_other_back() {
    let (shop, _directory, reporter) = in_an_outage(3);
    shop.depot.fails_on(shop.depot.requests()[0].0.clone());
    shop.depot.turns(Weather::Fine);
    let flushed = reporter.flush(Duration::from_secs(6)).unwrap();
    assert_eq!((flushed.spooled, flushed.dropped), (1, 0), "{flushed:?}");
    assert_eq!(flushed.delivered, 4 * REPORT - 1);
}

#[test]
fn stopping_while_the_server_hangs_is_bounded_and_everything_is_on_disk() {
    let (shop, directory) = (Shop::new(), tempfile::tempdir().unwrap());
    let release = Interrupt::new();
    shop.depot.turns(Weather::Hangs(release.clone()));
    let running = shop.reporter(directory.path()).start().unwrap();
    while shop.depot.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    shop.orders.inc();
    shop.clock.advance(Duration::from_secs(1));
    let error = running.stop_within(Duration::from_secs(4)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    // The first report and the last, each with the numbers about it.
    let drawer = &SpoolDirectory::new(directory.path()).drawers().unwrap()[0];
    assert_eq!(drawer.points, 2 * REPORT, "{}", drawer.ledger);
    release.trigger();
}

/// What waits is much, and the interval short: longer than a report takes, or shorter.
#[test]
fn fresh_reports_are_not_kept_back_by_what_waits_nor_that_by_them() {
    for interval in [20, 1].map(Duration::from_millis) {
        let (shop, directory, reporter) = in_an_outage(20);
        drop(reporter);
        let old: Vec<_> = shop.depot.requests().into_iter().map(|(key, _)| key).collect();
        shop.depot.turns(Weather::Fine);
        shop.depot.takes(Duration::from_millis(3));
        let running = Reporter::builder(shop.registry.clone(), shop.depot.client(shop.token))
            .ignore_environment()
            .spool(options(directory.path()).max_age(Duration::MAX))
            .interval(interval)
            .build()
            .start()
            .unwrap();
        for _ in 0..10_000 {
            if running.ledger().spooled() == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(running.ledger().spooled(), 0, "{interval:?}: what waits goes out, too");
        running.stop().unwrap();
        let requests = shop.depot.requests();
        let is_old: Vec<_> =
            requests[old.len()..].iter().map(|(key, _)| old.contains(key)).collect();
        assert_eq!(is_old.iter().filter(|old| **old).count(), old.len(), "{interval:?}");
        let last_old = is_old.iter().rposition(|old| *old).unwrap();
        let first_old = is_old.iter().position(|old| *old).unwrap();
        let fresh = is_old[first_old..last_old].iter().filter(|old| !**old).count();
        assert!(fresh >= 2, "{interval:?}: {fresh} fresh requests among {} old", old.len());
    }
}
