//! When the machine itself is in trouble: a clear error, told once, and nothing else disturbed.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use apptuit::metrics::Registry;
use apptuit::reporter::{HostTag, ReporterBuilder, RunningReporter, SpoolDirectory, SpoolOptions};
use apptuit::testing::{Fault, Weather};
use apptuit::{Client, Error, ErrorKind, Reporter, RetryPolicy};

use crate::hostile_network::server::{HostileServer, Manner};
use crate::skip;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

type Told = Arc<Mutex<Vec<(ErrorKind, String)>>>;

fn told(builder: ReporterBuilder) -> (ReporterBuilder, Told) {
    let told = Told::default();
    let list = Arc::clone(&told);
    let builder = builder.on_error(move |error| {
        list.lock().expect("no panic").push((error.kind(), error.to_string()));
    });
    (builder, told)
}

/// A reporter of points that hardly compress, in an outage that has begun.
fn in_an_outage(weather: &Weather) -> (ReporterBuilder, Told) {
    weather.from_now_on(Fault::refused());
    let registry = Registry::with_clock(weather.clock().clone());
    for n in 0..60 {
        registry.gauge_fn(format!("noise.{n}"), fastrand::f64);
    }
    let builder = Reporter::builder(registry, weather.client().build().expect("a client"));
    told(builder.ignore_environment().host_tag(HostTag::Off).tag("host", "a").interval(MINUTE))
}

/// Three hours without a server and without room on the disk, then both are back: what waited has
/// arrived, and the trouble with the disk was told once.
fn survives(weather: &Weather, spool: SpoolOptions, expected: &str) {
    let directory = spool.directory().display().to_string();
    let (builder, told) = in_an_outage(weather);
    let running = builder.spool(spool).build().start().expect("a reporter");
    weather.clock().pass(3 * HOUR);
    let during = running.ledger();
    assert!(during.queued() > 0, "{during}");
    assert_eq!((during.dropped(), during.delivered()), (0, 0), "{during}");

    weather.clear();
    weather.clock().pass(HOUR);
    let after = running.ledger();
    assert_eq!((after.dropped(), after.queued() + after.spooled()), (0, 0), "{after}");
    assert_eq!(weather.kept().len() as u64, after.delivered());
    assert_eq!(weather.kept_twice(), []);

    let told = told.lock().expect("no panic");
    let of_disk: Vec<_> = told.iter().filter(|(_, text)| text.contains(&directory)).collect();
    assert_eq!(of_disk.len(), 1, "{told:?}");
    assert!(of_disk[0].1.contains(expected), "{of_disk:?}");
    running.stop().expect("a last report");
}

/// A small disk in memory, which goes when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where it may not be made.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk_points_wait_in_memory() {
    let Some(disk) = SmallDisk::new() else {
        return skip("`mount` of a small tmpfs is not permitted, which needs root");
    };
    let weather = Weather::new();
    let spool = SpoolOptions::new(disk.0.path().join("spool")).min_free_bytes(0);
    survives(&weather, spool, "bytes left, expected");
    drop(disk);
}

#[test]
fn on_a_disk_that_others_need_points_wait_in_memory() {
    let (weather, folder) = (Weather::new(), tempfile::tempdir().unwrap());
    let spool = SpoolOptions::new(folder.path().join("spool")).min_free_bytes(u64::MAX >> 1);
    survives(&weather, spool, "bytes left, expected");
}

#[test]
fn a_spool_that_cannot_be_made_is_named_before_anything_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let mut places = vec![file.join("spool"), file];
    if cfg!(target_os = "linux") {
        // Not even root may write there.
        places.push(Path::new("/proc/spool").to_owned());
    }
    for place in places {
        let weather = Weather::new();
        let (builder, told) = in_an_outage(&weather);
        let reporter = builder.spool_dir(&place).build();
        let check = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(error.to_string().contains(&place.display().to_string()), "{error}");
        };
        check(reporter.report_now().unwrap_err());
        check(reporter.start().map(drop).unwrap_err());
        assert!(weather.exchanges().is_empty() && told.lock().unwrap().is_empty());
    }
}

fn of_the_spool(told: &Told) -> usize {
    let told = told.lock().expect("no panic");
    told.iter().filter(|(kind, _)| *kind == ErrorKind::Spool).count()
}

/// A reporter whose spool is no longer there in the middle of an outage.
fn loses_its_spool(folder: &Path, lose: fn(&Path)) -> (Weather, RunningReporter, Told) {
    let (weather, spool) = (Weather::new(), folder.join("spool"));
    let (builder, told) = in_an_outage(&weather);
    let running = builder.spool_dir(&spool).build().start().expect("a reporter");
    weather.clock().pass(10 * MINUTE);
    let before = running.ledger();
    assert!(before.spooled() > 0 && before.queued() == 0, "{before}");

    lose(&spool);
    weather.clock().pass(HOUR);
    let during = running.ledger();
    assert!(during.queued() > 0 && during.recorded() > before.recorded(), "{during}");

    weather.clear();
    weather.clock().pass(HOUR);
    let after = running.ledger();
    // What was on disk is accounted for; all else has arrived.
    assert_eq!(after.queued(), 0, "{after}");
    assert!(after.dropped() + after.spooled() <= before.spooled() + 61, "{before}, then {after}");
    assert_eq!(weather.kept().len() as u64, after.delivered());
    assert_eq!(weather.kept_twice(), []);
    (weather, running, told)
}

#[test]
fn what_a_removed_spool_held_is_missed_and_the_rest_waits_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let remove = |spool: &Path| std::fs::remove_dir_all(spool).unwrap();
    let (_weather, running, told) = loses_its_spool(folder.path(), remove);
    assert_eq!(running.ledger().spooled(), 0);
    // One for writing, and one for each file that is missed: two for each of eleven reports.
    assert_eq!(of_the_spool(&told), 23);
    running.stop().unwrap();
}

#[test]
fn a_spool_that_cannot_be_read_is_tried_now_and_then_and_keeps_nothing_else_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (weather, running, told) = loses_its_spool(folder.path(), |spool| {
        std::fs::rename(spool, spool.with_extension("away")).unwrap();
        std::fs::write(spool, "in the way").unwrap();
    });
    assert!(running.ledger().spooled() > 0, "{}", running.ledger());
    let before = of_the_spool(&told);
    weather.clock().pass(HOUR);
    let more = of_the_spool(&told) - before;
    assert!((60..=720).contains(&more), "{more} times in an hour");
    running.stop().unwrap();
}

/// The time `work` takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "the time a person would wait is what is tested")]
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

fn real_client(server: &HostileServer) -> Client {
    let builder = Client::builder().token("t").endpoint(server.endpoint()).ignore_environment();
    builder.retry(RetryPolicy::exponential(5)).build().expect("a client")
}

#[test]
fn a_server_that_never_answers_disturbs_no_one_and_keeps_stopping_short() {
    let silent = HostileServer::start([Manner::Silence]);
    let good = HostileServer::start([Manner::Answer("HTTP/1.1 204 No Content\r\n\r\n")]);
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new();
    let orders = registry.counter("orders");
    let quick = Duration::from_millis(20);
    let to = |server: &HostileServer| {
        let builder = Reporter::builder(registry.clone(), real_client(server)).ignore_environment();
        builder.host_tag(HostTag::Off).tag("host", "a").interval(quick)
    };
    let spool = SpoolOptions::new(folder.path()).min_free_bytes(0);
    let (stuck, _) = told(to(&silent).spool(spool));
    let stuck = stuck.build().start().unwrap();
    let (fine, failures) = told(to(&good));
    let fine = fine.build().start().unwrap();

    while silent.requests().is_empty() || good.requests().len() < 20 {
        orders.inc();
        std::thread::yield_now();
    }
    assert!(failures.lock().unwrap().is_empty());
    fine.stop().unwrap();

    let ledger = stuck.ledger();
    assert!(ledger.queued() > 0, "{ledger}");
    let limit = Duration::from_secs(4);
    let (stopped, took) = timed(|| stuck.stop_within(limit));
    assert!(took < limit + Duration::from_secs(2), "{took:?}");
    stopped.unwrap_err();
    // What was under way is on disk, to be sent by the next process.
    let drawers = SpoolDirectory::new(folder.path()).drawers().unwrap();
    let on_disk: u64 = drawers.iter().map(|drawer| drawer.points).sum();
    assert!(on_disk >= ledger.queued(), "{ledger}, {on_disk} on disk");
}

#[test]
fn a_host_without_an_address_is_told_by_the_reporter_and_the_points_wait() {
    let client = Client::builder().token("t").endpoint("http://no-such-host.invalid");
    let client = client.ignore_environment().timeout(Duration::from_secs(2)).build().unwrap();
    let registry = Registry::new();
    registry.counter("orders").inc();
    let builder = Reporter::builder(registry, client).ignore_environment();
    let (builder, told) = told(builder.host_tag(HostTag::Off).tag("host", "a"));
    let reporter = builder.build();
    let (reported, took) = timed(|| reporter.report_now());
    assert!(took < Duration::from_secs(8), "{took:?}");
    let error = reported.unwrap_err();
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    assert!(!told.lock().unwrap().is_empty());
    let ledger = reporter.ledger();
    assert_eq!((ledger.queued(), ledger.dropped()), (ledger.recorded(), 0), "{ledger}");
}
