//! A disk that fails: whatever fails, and whenever, what was acknowledged is there again.
//!
//! A process of its own appends, tidies up and appends again, with `tests/faults/layer.c` between it and
//! its files. It is run again and again, and another write or sync fails each time; after that, this process
//! opens the file without the layer.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use apptuit_model::{DataPoint, TimeSeries};
use apptuit_store::{EmbeddedStore, Store, StoreError};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{all, open, point, try_open};

const FILE: &str = "APPTUIT_STORE_TEST_FAULT_FILE";
const APPENDS: u64 = 12;
const METRIC: &str = "m";
/// More operations than the child needs: a sweep that gets there does not end.
const ENDLESS: u32 = 2_000;

/// Append number `append`: old series and a new one, and points that replace others.
fn points(append: u64) -> Vec<DataPoint> {
    let host = |series| format!("host{series}");
    (0..40 + append * 7)
        .map(|n| {
            let at = i64::try_from(append * 20 + n).expect("a test is short") * 1000;
            point(METRIC, &host(n % (2 + append)), at, append as f64 + n as f64 / 256.0)
        })
        .collect()
}

/// What is kept after so many appends, by series and time.
fn expected(appends: u64) -> Vec<DataPoint> {
    let mut kept = std::collections::BTreeMap::new();
    for point in (0..appends).flat_map(points) {
        kept.insert((point.name().clone(), point.timestamp()), point);
    }
    kept.into_values().collect()
}

fn found(store: &EmbeddedStore) -> Vec<DataPoint> {
    all(store, METRIC).iter().flat_map(TimeSeries::points).collect()
}

/// Not a test by itself: the process whose disk fails.
#[test]
#[ignore = "started by the tests of a failing disk"]
fn child_whose_disk_fails() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let say = |what: &str| {
        let mut output = std::io::stdout().lock();
        writeln!(output, "{what}").unwrap();
        output.flush().unwrap();
    };
    let store = match try_open(Path::new(&file)) {
        Ok(store) => store,
        Err(error) => return say(&format!("refused to open: {error}")),
    };
    let (mut kept, mut failed) = (0, false);
    for append in 0..APPENDS {
        match store.append_points(&points(append)) {
            Ok(()) => {
                assert!(!failed, "append {append} was taken after one had failed");
                kept += 1;
                say(&format!("kept {append}"));
            }
            Err(error @ StoreError::Poisoned { .. }) => {
                // It may be the first to tell, when what failed was done after the last answer.
                let told = error.to_string();
                assert!(told.contains("refused until the store is opened again"), "{told}");
                failed = true;
            }
            Err(error) => {
                assert!(!failed && matches!(error, StoreError::Io { .. }), "{error:?}");
                failed = true;
            }
        }
        assert_eq!(found(&store), expected(kept), "what can be read after append {append}");
        // The second time, some series have chunks already, and points that replace others.
        if [4, 9].contains(&append) {
            failed |= store.compact().is_err();
            assert_eq!(found(&store), expected(kept), "what can be read after append {append}");
        }
    }
    say(if store.close().is_ok() { "closed" } else { "refused to close" });
}

/// The child over `file`, whose disk does `mode` at operation `at`.
fn run(layer: &Path, file: &Path, mode: &str, at: u32) -> Output {
    let folder = file.parent().expect("a file is in a folder").canonicalize().expect("it is there");
    Command::new(std::env::current_exe().expect("a test has a binary"))
        .args(["--exact", "faults::child_whose_disk_fails", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", layer)
        .env("FAULT_FOLDER", folder)
        .env("FAULT_MODE", mode)
        .env("FAULT_AT", at.to_string())
        .env(FILE, file)
        .stdin(Stdio::null())
        .output()
        .expect("the test binary starts")
}

/// Lets each operation fail once, and looks what is left. Gives how many did.
fn sweep(mode: &str) -> Option<u32> {
    let layer = layer()?;
    // Every one in continuous integration, elsewhere some, which are others each time.
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let is_soak = std::env::var_os("APPTUIT_SOAK").is_some();
    let stride: u32 = if is_ci || is_soak { 1 } else { 20 };
    // There are few syncs.
    let stride = if mode == "sync" { stride.div_ceil(5) } else { stride };
    let mut at = 1 + fastrand::u32(0..stride);
    let mut faults = 0;
    while at < ENDLESS {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("points.sqlite");
        let output = run(&layer, &file, mode, at);
        let told = String::from_utf8_lossy(&output.stderr);
        let injected = told.contains("fault injected");
        let killed = mode == "power" && injected;
        assert!(output.status.success() != killed, "{mode} at {at}: {}: {told}", output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        let kept = said.lines().filter(|line| line.contains("kept ")).count() as u64;
        look(&file, kept, &format!("{mode} at {at}"));
        if !injected {
            assert_eq!(kept, APPENDS, "nothing failed");
            return Some(faults);
        }
        faults += 1;
        at += stride;
    }
    panic!("the child has no end");
}

/// After a fault: the file is sound, all that was acknowledged is there, and points can be added.
fn look(file: &Path, kept: u64, when: &str) {
    assert_sound(file, when);
    {
        let store = open(file);
        let left = found(&store);
        // What was under way is there as a whole, or not at all.
        let appends = if left == expected(kept) { kept } else { kept + 1 };
        assert!(left == expected(appends), "{when}: {kept} appends were acknowledged");
        store.append_points(&[point("later", "a", 0, 1.5)]).expect("the disk is well again");
        assert_eq!(all(&store, "later")[0].values(), [1.5], "{when}");
        store.close().expect("the disk is well again");
    }
    assert_sound(file, when);
    let connection = Connection::open(file).expect("the store is closed");
    let check = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    let checked = connection.query_row("PRAGMA integrity_check", [], check);
    assert_eq!(checked.as_deref(), Ok("ok"), "{when}");
}

fn assert_sound(file: &Path, when: &str) {
    match apptuit_store::check(file) {
        Ok(check) => assert_eq!(check.findings, [], "{when}"),
        // It was not even made.
        Err(error) => assert!(!file.exists(), "{when}: {error}"),
    }
}

/// The layer, compiled; `None`, and a reason, on a machine that cannot have it, but never in CI.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn layer() -> Option<PathBuf> {
    static LAYER: OnceLock<Result<(TempDir, PathBuf), String>> = OnceLock::new();
    let made = LAYER.get_or_init(|| {
        if !cfg!(all(target_os = "linux", target_env = "gnu")) {
            return Err("Linux with the GNU C library".to_owned());
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let layer = folder.path().join("layer.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/layer.c");
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&layer, &source])
            .args(["-ldl"])
            .output()
            .map_err(|_| "the C compiler `cc`".to_owned())?;
        let told = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "the layer is not compiled: {told}");
        Ok((folder, layer))
    });
    match made {
        Ok((_, layer)) => Some(layer.clone()),
        Err(missing) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "`{missing}` is missing");
            println!("skipped: a failing disk needs {missing}");
            None
        }
    }
}

/// Bytes that are let go when the disk is full, so that it no longer is.
const BALLAST: usize = 1 << 20;

/// Not a test by itself: the process on a disk of two megabytes.
#[test]
#[ignore = "started by `a_small_disk_that_is_full_loses_nothing`"]
fn child_on_a_small_disk() {
    let Some(file) = std::env::var_os(FILE).map(PathBuf::from) else { return };
    let ballast = file.with_file_name("ballast");
    std::fs::write(&ballast, vec![1; BALLAST]).unwrap();
    let append = |store: &EmbeddedStore, n: i64| {
        let points: Vec<_> =
            (0..500).map(|at| point(METRIC, "a", n * 500 + at, n as f64)).collect();
        store.append_points(&points)
    };
    let kept = |store: &EmbeddedStore, appends: i64| {
        let expected = (0..appends).flat_map(|n| [n as f64; 500]);
        let found = all(store, METRIC);
        assert!(found[0].values().iter().copied().eq(expected), "{appends} appends were kept");
    };

    let store = open(&file);
    let (appends, error) =
        (0..10_000).find_map(|n| append(&store, n).err().map(|error| (n, error))).unwrap();
    assert!(appends > 3 && error.to_string().contains("full"), "{appends}: {error}");
    std::fs::remove_file(&ballast).unwrap();
    let refused = append(&store, appends).unwrap_err();
    assert!(matches!(refused, StoreError::Poisoned { .. }), "{refused:?}");
    kept(&store, appends);
    // Full again, when it is closed and opened.
    std::fs::write(&ballast, vec![1; 2 * BALLAST]).unwrap_err();
    drop(store);
    match try_open(&file) {
        Ok(store) => kept(&store, appends),
        Err(error) => assert!(error.to_string().contains("full"), "{error}"),
    }
    std::fs::remove_file(&ballast).unwrap();
    let store = open(&file);
    kept(&store, appends);
    append(&store, appends).unwrap();
    kept(&store, appends + 1);
}

#[test]
fn a_small_disk_that_is_full_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    // A disk of its own, which is gone with the process: in a namespace, for which one need not be root.
    let mount = "mount -t tmpfs -o size=2m none \"$0\" && exec \"$@\"";
    let on_small_disk = |command: &[&str]| {
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", mount])
            .arg(folder.path())
            .args(command)
            .env(FILE, folder.path().join("points.sqlite"))
            .output()
    };
    if !on_small_disk(&["true"]).is_ok_and(|output| output.status.success()) {
        // Elsewhere `a_disk_that_is_full_loses_nothing_that_was_acknowledged` stands for it.
        println!("skipped: this test needs `unshare`, and a system that lets it mount a tmpfs");
        return;
    }
    let program = std::env::current_exe().expect("a test has a binary");
    let program = program.to_str().expect("a path in UTF-8");
    let child =
        on_small_disk(&[program, "--exact", "faults::child_on_a_small_disk", "--ignored"]).unwrap();
    assert!(
        child.status.success(),
        "{}{}",
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr)
    );
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(told.contains("1 passed"), "{told}");
}

#[test]
fn a_write_that_fails_loses_nothing_that_was_acknowledged() {
    assert!(sweep("write").is_none_or(|faults| faults > 3));
}

#[test]
fn a_write_that_is_torn_is_undone() {
    assert!(sweep("torn").is_none_or(|faults| faults > 3));
}

#[test]
fn a_disk_that_is_full_loses_nothing_that_was_acknowledged() {
    assert!(sweep("full").is_none_or(|faults| faults > 3));
}

/// What such a sync should have made durable is gone; nobody may have been told that it is.
#[test]
fn a_sync_that_fails_loses_nothing_that_was_acknowledged() {
    assert!(sweep("sync").is_none_or(|faults| faults > 1));
}

#[test]
fn a_loss_of_power_loses_nothing_that_was_acknowledged() {
    assert!(sweep("power").is_none_or(|faults| faults > 3));
}
