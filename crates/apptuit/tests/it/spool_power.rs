//! The power is lost at any moment: what was called spooled is there, and whole.
//!
//! A process of its own reports to a server that is away. Between it and its files is a layer that
//! kills it at one operation, and takes back by chance what was not synced: bytes and names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use apptuit::Reporter;
use apptuit::metrics::{ManualClock, Registry};
use apptuit::reporter::{HostTag, ReporterBuilder, SpoolDirectory, SpoolOptions};

use crate::depot::{Depot, Weather};
use crate::skip;

const DIRECTORY: &str = "APPTUIT_TEST_POWER_DIRECTORY";
const TOLD: &str = "told: ";
const REPORTS: u64 = 4;
/// More operations than the process needs: a sweep that gets there does not end.
const ENDLESS: u32 = 500;

fn reporter(depot: &Depot, clock: &ManualClock, directory: &Path) -> ReporterBuilder {
    let registry = Registry::new();
    registry.counter("orders").inc();
    Reporter::builder(registry, depot.client("t"))
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("shop", "blr")
        .clock(clock.clone())
        .spool(SpoolOptions::new(directory).min_free_bytes(0))
        .on_error(|_| ())
}

/// Not a test by itself: the process that loses its power.
#[test]
#[ignore = "started by the test beside it"]
fn child_that_loses_its_power() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let (depot, clock) = (Depot::default(), ManualClock::new());
    depot.turns(Weather::Unreachable);
    let reporter = reporter(&depot, &clock, Path::new(&directory)).build();
    for _ in 0..REPORTS {
        clock.advance(Duration::from_secs(10));
        reporter.report_now().unwrap_err();
        let mut output = std::io::stdout().lock();
        writeln!(output, "\n{TOLD}{}", reporter.ledger().spooled()).unwrap();
        output.flush().unwrap();
    }
}

/// The layer of the store's tests, compiled; `None` on a machine that cannot have it.
fn layer(folder: &Path) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        skip("this test needs Linux with the GNU C library");
        return None;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../apptuit-store/tests/faults/layer.c");
    let layer = folder.join("layer.so");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&layer).args([source, "-ldl"]);
    let Ok(compiled) = compiler.output() else {
        skip("this test needs the C compiler `cc`");
        return None;
    };
    let told = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "the layer is not compiled: {told}");
    Some(layer)
}

/// The process, whose power is lost at operation `at`.
fn run(layer: &Path, directory: &Path, at: u32) -> Output {
    Command::new(std::env::current_exe().expect("a test has a binary"))
        .args(["--exact", "spool_power::child_that_loses_its_power", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", layer)
        .env("FAULT_FOLDER", directory)
        .env("FAULT_MODE", "power")
        .env("FAULT_AT", at.to_string())
        .env(DIRECTORY, directory)
        .stdin(Stdio::null())
        .output()
        .expect("the test binary starts")
}

#[test]
fn what_was_called_spooled_is_there_after_a_loss_of_power() {
    let compiled = tempfile::tempdir().unwrap();
    let Some(layer) = layer(compiled.path()) else { return };
    for at in 1..ENDLESS {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().canonicalize().unwrap();
        let output = run(&layer, &directory, at);
        let said = String::from_utf8_lossy(&output.stdout);
        let mut told = said.lines().filter_map(|line| line.strip_prefix(TOLD));
        let told: u64 = told.next_back().map_or(0, |points| points.parse().unwrap());

        let drawers = SpoolDirectory::new(&directory).drawers().unwrap();
        for drawer in &drawers {
            assert_eq!(drawer.verify().unwrap(), [], "{at}");
        }
        let found: u64 = drawers.iter().map(|drawer| drawer.points).sum();
        assert!(found >= told, "{at}: {told} points were spooled, {found} are there");

        let (depot, clock) = (Depot::default(), ManualClock::new());
        let next = reporter(&depot, &clock, &directory).build();
        clock.advance(Duration::from_hours(1));
        next.flush(Duration::from_secs(10)).unwrap();
        let ledger = next.ledger();
        assert!(depot.points() >= found && ledger.delivered() == depot.points(), "{at}: {ledger}");
        assert_eq!(ledger.recorded(), ledger.delivered() + ledger.dropped(), "{at}: {ledger}");
        if output.status.success() {
            assert!(told > 0 && at > 20, "the power was lost at each operation before {at}");
            return;
        }
    }
    panic!("the process has no end");
}
