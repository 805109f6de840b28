//! `kill -9` of the process that reports, at random moments, while its server comes and goes.
//!
//! The process is this test binary again, told by a variable to be the one that reports. The server
//! lives in the test, and keeps a body, and its halves, once for each key, as ours does.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::reporter::{Drawer, HostTag, Ledger, SpoolDirectory, SpoolOptions};
use apptuit::{Client, Reporter, RetryPolicy};
use apptuit_model::body_key;
use apptuit_model::wire::ContentEncoding;

const ENDPOINT: &str = "APPTUIT_TEST_KILL_ENDPOINT";
const DIRECTORY: &str = "APPTUIT_TEST_KILL_DIRECTORY";
const RUN: &str = "APPTUIT_TEST_KILL_RUN";

/// A series and a time.
type Instant = (String, String);

/// What the server keeps: the times each point was stored.
#[derive(Default)]
struct Kept {
    keys: BTreeSet<String>,
    points: BTreeMap<Instant, u32>,
    /// Of bodies it has said that it keeps them: those keys, and how many points they have.
    told: HashSet<String>,
    told_points: u64,
}

/// A server that fails half of the time, in every way: it stores and does not say so, it says
/// that it is busy, or that a body is too large, and does not store, it is gone in the middle of a
/// request.
struct Server {
    endpoint: String,
    kept: Arc<Mutex<Kept>>,
    /// From 0, never failing, to 100.
    failing: Arc<Mutex<u32>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Self { endpoint, kept: Arc::default(), failing: Arc::default() };
        let (kept, failing) = (Arc::clone(&server.kept), Arc::clone(&server.failing));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, failing) = (Arc::clone(&kept), Arc::clone(&failing));
                std::thread::spawn(move || serve(stream, &kept, &failing));
            }
        });
        server
    }

    fn fails(&self, percent: u32) {
        *self.failing.lock().expect("no panic") = percent;
    }

    fn points(&self) -> BTreeMap<Instant, u32> {
        self.kept.lock().expect("no panic").points.clone()
    }
}

/// Answers the requests of one connection until it breaks.
fn serve(stream: TcpStream, kept: &Mutex<Kept>, failing: &Mutex<u32>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut key, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some(("idempotency-key", value)) => value.clone_into(&mut key),
                Some(("content-length", value)) => length = value.parse().ok()?,
                _ => {}
            }
        }
        let fails = fastrand::u32(..100) < *failing.lock().expect("no panic");
        let fault = if fails { fastrand::u32(..5) } else { 5 };
        if fault == 0 {
            return None;
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        if fault == 1 {
            stream.get_mut().write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").ok()?;
            continue;
        }
        let instants = instants(&body);
        let mut kept = kept.lock().expect("no panic");
        let [from, to] = body_key::parts(&key);
        let has_parts = kept.keys.range(from..to).next().is_some();
        if (fault == 3 && instants.len() > 1) || (has_parts && !kept.keys.contains(&key)) {
            stream.get_mut().write_all(b"HTTP/1.1 413 Halve\r\ncontent-length: 0\r\n\r\n").ok()?;
            continue;
        }
        let was_kept = body_key::wholes(&key).any(|whole| kept.keys.contains(whole));
        let was_told = body_key::wholes(&key).any(|whole| kept.told.contains(whole));
        // Before it is told, so that nobody has heard of a body that is not counted.
        if fault != 2 && !was_told && kept.told.insert(key.clone()) {
            kept.told_points += instants.len() as u64;
        }
        if !was_kept && kept.keys.insert(key) {
            for instant in instants {
                *kept.points.entry(instant).or_default() += 1;
            }
        }
        drop(kept);
        if fault == 2 {
            return None;
        }
        stream.get_mut().write_all(b"HTTP/1.1 204 Kept\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

fn instants(body: &[u8]) -> Vec<Instant> {
    let json = ContentEncoding::Deflate.unpack(body, 1 << 20).expect("a whole body");
    let points: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let of = |point: &serde_json::Value| {
        (format!("{}{}", point["metric"], point["tags"]), point["timestamp"].to_string())
    };
    points.as_array().expect("an array").iter().map(of).collect()
}

/// The process that is killed; nothing where the variables are not set.
#[test]
fn the_process_that_reports_until_it_is_killed() {
    let (Ok(endpoint), Ok(directory)) = (std::env::var(ENDPOINT), std::env::var(DIRECTORY)) else {
        return;
    };
    let run = std::env::var(RUN).expect("the number of the run");
    let client = Client::builder().token("t").endpoint(endpoint).ignore_environment();
    // What waits is tried again soon.
    let retry = RetryPolicy::never().base_pause(Duration::from_millis(2));
    let client = client.timeout(Duration::from_secs(2)).retry(retry).build().expect("a client");
    let registry = Registry::new();
    let counters: Vec<_> = (0..10).map(|n| registry.counter(format!("orders.{n}"))).collect();
    let running = Reporter::builder(registry, client)
        .ignore_environment()
        .host_tag(HostTag::Off)
        .tag("run", run)
        .spool(SpoolOptions::new(directory).min_free_bytes(0))
        .interval(Duration::from_millis(3))
        .batch_points(4)
        .on_error(|_| ())
        .build()
        .start()
        .expect("it starts");
    loop {
        counters.iter().for_each(apptuit::metrics::Counter::inc);
        std::thread::sleep(Duration::from_millis(1));
        assert!(running.ledger().recorded() < 10_000_000, "somebody kills it");
    }
}

fn reporting(server: &Server, directory: &Path, run: u32) -> Child {
    Command::new(std::env::current_exe().expect("the path of this test"))
        .args(["--exact", "spool_kill::the_process_that_reports_until_it_is_killed"])
        .env(ENDPOINT, &server.endpoint)
        .env(DIRECTORY, directory)
        .env(RUN, run.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the test starts again")
}

fn ledger(drawers: &[Drawer]) -> Ledger {
    drawers.iter().fold(Ledger::default(), |sum, drawer| sum.plus(&drawer.ledger))
}

/// What waits in files, read by hand.
fn waiting(drawers: &[Drawer]) -> Vec<Instant> {
    let files = drawers.iter().flat_map(|drawer| fs::read_dir(&drawer.path).expect("a drawer"));
    let files = files.map(|file| file.expect("an entry").path());
    let files = files.filter(|file: &PathBuf| file.extension().is_some_and(|end| end == "body"));
    files
        .flat_map(|file| {
            let bytes = fs::read(file).expect("a file");
            let end = bytes.windows(2).position(|two| two == b"\n\n").expect("a header");
            instants(&bytes[end + 2..])
        })
        .collect()
}

#[test]
fn nothing_the_account_calls_delivered_or_spooled_is_lost_to_kill_minus_nine_nor_stored_twice() {
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let rounds = match std::env::var_os("APPTUIT_SOAK") {
        Some(_) => 1000,
        None if is_ci => 30,
        None => 10,
    };
    let (server, directory) = (Server::start(), tempfile::tempdir().unwrap());
    let spool = SpoolDirectory::new(directory.path());
    let (mut was_delivered, mut was_spooled) = (false, false);
    for run in 0..rounds {
        server.fails([0, 30, 60, 100][fastrand::usize(..4)]);
        // Now and then two at once, in one directory.
        let processes = 1 + u32::from(run % 5 == 4);
        let children: Vec<_> =
            (0..processes).map(|n| reporting(&server, directory.path(), run * 2 + n)).collect();
        std::thread::sleep(Duration::from_millis(fastrand::u64(20..400)));
        for mut child in children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let drawers = spool.drawers().unwrap();
        assert!(drawers.iter().all(|drawer| !drawer.is_in_use), "{drawers:?}");
        for drawer in &drawers {
            assert_eq!(drawer.verify().unwrap(), [], "run {run}");
        }
        let ledger = ledger(&drawers);
        was_delivered |= ledger.delivered() > 0;
        was_spooled |= ledger.spooled() > 0;
        // A connection of the process may still be read to its end.
        std::thread::sleep(Duration::from_millis(20));
        let told = server.kept.lock().unwrap().told_points;
        assert!(ledger.delivered() <= told, "run {run}: {told} were acknowledged: {ledger}");
        let mut there = server.points();
        assert!(there.values().all(|times| *times == 1), "run {run}: stored twice");
        for instant in waiting(&drawers) {
            there.entry(instant).or_default();
        }
        let called = ledger.delivered() + ledger.spooled();
        assert!(there.len() as u64 >= called, "run {run}: {} are there: {ledger}", there.len());
        assert!(
            there.len() as u64 <= ledger.recorded(),
            "run {run}: {} there: {ledger}",
            there.len()
        );
    }
    assert!(was_delivered && was_spooled, "the weather was good and bad");

    server.fails(0);
    let client = Client::builder().token("t").endpoint(&server.endpoint).ignore_environment();
    let drained = spool.drain(&client.build().unwrap(), Duration::from_mins(1), |error| {
        panic!("nothing is refused or damaged: {error}");
    });
    assert_eq!(drained.unwrap().left, 0);
    let (ledger, points) = (ledger(&spool.drawers().unwrap()), server.points());
    assert!(points.values().all(|times| *times == 1), "stored twice");
    assert_eq!((ledger.spooled(), ledger.queued()), (0, 0), "{ledger}");
    assert!(points.len() as u64 >= ledger.delivered(), "{} are there: {ledger}", points.len());
}
