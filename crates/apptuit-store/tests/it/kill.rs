//! A process that is killed while it writes loses nothing it was told is kept.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use apptuit_model::{DataPoint, TimeSeries};
use apptuit_store::Store;

use crate::{all, open, point};

const ROUNDS: u64 = 8;
const THREADS: u64 = 3;
const FILE: &str = "APPTUIT_STORE_TEST_KILL_FILE";
const ROUND: &str = "APPTUIT_STORE_TEST_KILL_ROUND";

/// Append number `append` of one thread: as many points as it likes, each told by its place.
fn points(round: u64, thread: u64, append: u64) -> Vec<DataPoint> {
    let metric = format!("round{round}.thread{thread}");
    let count = 1 + (append * 37) % 200;
    (0..count)
        .map(|n| {
            let host = format!("host{}", n % 5);
            let at = i64::try_from(append * 1000 + n).expect("a test is short");
            point(&metric, &host, at, (round * 31 + thread * 7 + append) as f64 + n as f64 / 256.0)
        })
        .collect()
}

/// What a metric must hold after its first `appends` appends, by name and time.
fn expected(round: u64, thread: u64, appends: u64) -> Vec<DataPoint> {
    let mut points: Vec<_> =
        (0..appends).flat_map(|append| points(round, thread, append)).collect();
    points.sort_by(|a, b| (a.name(), a.timestamp()).cmp(&(b.name(), b.timestamp())));
    points
}

#[test]
fn whatever_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("points.sqlite");
    let mut kept = Vec::new();
    for round in 0..ROUNDS {
        let acknowledged = run_and_kill(&file, round);
        assert!(acknowledged.iter().sum::<u64>() > 0, "round {round} was killed too early");

        let store = open(&file);
        for (thread, acknowledged) in (0..).zip(acknowledged) {
            let metric = format!("round{round}.thread{thread}");
            let found: Vec<_> = all(&store, &metric).iter().flat_map(TimeSeries::points).collect();
            // One append of each thread was under way: it is there as a whole or not at all.
            let appends = [acknowledged, acknowledged + 1]
                .into_iter()
                .find(|appends| expected(round, thread, *appends).len() == found.len())
                .unwrap_or_else(|| {
                    panic!("{} points after {acknowledged} appends of {metric}", found.len())
                });
            assert_eq!(found, expected(round, thread, appends), "{metric}");
            kept.push((round, thread, appends));
        }
        for (round, thread, appends) in &kept {
            let metric = format!("round{round}.thread{thread}");
            let found: Vec<_> = all(&store, &metric).iter().flat_map(TimeSeries::points).collect();
            assert_eq!(found, expected(*round, *thread, *appends), "{metric} after later rounds");
        }
        // Every second time the next process finds what this one left after a kill of its own.
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

/// How many appends of each thread were acknowledged before the child was killed.
fn run_and_kill(file: &Path, round: u64) -> Vec<u64> {
    let mut child = start(file, round);
    let output = child.stdout.take().expect("the output is piped");
    let kill_after = fastrand::u64(1..150);
    let mut acknowledged = vec![0; usize::try_from(THREADS).expect("few threads")];
    let (mut seen, mut killed) = (0, false);
    for line in BufReader::new(output).lines() {
        let line = line.expect("the child writes text");
        let Some((_, numbers)) = line.split_once("kept ") else { continue };
        let mut numbers = numbers.split(' ').map(|n| n.parse::<u64>().expect("a number"));
        let (thread, append) = (numbers.next(), numbers.next());
        let (thread, append) = (thread.expect("a thread"), append.expect("an append"));
        let counted = &mut acknowledged[usize::try_from(thread).expect("few threads")];
        assert_eq!(append, *counted, "thread {thread} acknowledges in order");
        *counted += 1;
        seen += 1;
        if seen >= kill_after && !killed {
            thread::sleep(Duration::from_micros(fastrand::u64(0..3000)));
            child.kill().expect("the child runs until it is killed");
            killed = true;
        }
    }
    let status = child.wait().expect("the child was started here");
    assert!(killed && !status.success(), "the child ended by itself: {status}");
    acknowledged
}

fn start(file: &Path, round: u64) -> Child {
    Command::new(std::env::current_exe().expect("a test has a binary"))
        .args([
            "--exact",
            "kill::child_that_appends_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FILE, file)
        .env(ROUND, round.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary starts")
}

/// Not a test by itself: the process that the test above starts and kills.
#[test]
#[ignore = "started by `whatever_was_acknowledged_survives_a_kill`"]
fn child_that_appends_until_it_is_killed() {
    let (Some(file), Ok(round)) = (std::env::var_os(FILE), std::env::var(ROUND)) else { return };
    let round = round.parse().unwrap();
    let store = open(Path::new(&file));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                // Bounded, should the parent be gone.
                for append in 0..20_000 {
                    store.append_points(&points(round, thread, append)).unwrap();
                    let mut output = std::io::stdout().lock();
                    writeln!(output, "kept {thread} {append}").unwrap();
                    output.flush().unwrap();
                }
            });
        }
    });
}
