//! No acknowledged point is lost to `kill -9`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::server::{Connection, ServerProcess, query};

const WRITERS: usize = 4;
const POINTS_A_BODY: usize = 50;
/// Far enough from zero that rounds and writers have room for timestamps of their own.
const FIRST_SECOND: i64 = 1_500_000_000;

/// Series (its writer tag) and second of a point.
type Key = (String, i64);

/// What one writer sent: all of it, and the part that was acknowledged.
#[derive(Default)]
struct Written {
    sent: BTreeMap<Key, f64>,
    acknowledged: BTreeMap<Key, f64>,
}

/// Sends bodies one after another until the server is gone.
fn write_until_killed(address: &str, writer: usize, first: i64, bodies: &AtomicUsize) -> Written {
    let mut written = Written::default();
    let Ok(mut connection) = Connection::open(address) else { return written };
    let tag = format!("w{writer}");
    let mut second = first;
    loop {
        let mut body = String::from("[");
        let mut points = Vec::with_capacity(POINTS_A_BODY);
        for _ in 0..POINTS_A_BODY {
            let value = fastrand::f64() * 1e6;
            let comma = if points.is_empty() { "" } else { "," };
            let _ = write!(
                body,
                r#"{comma}{{"metric":"kill.test","timestamp":{second},"value":{value:?},"tags":{{"writer":"{tag}"}}}}"#
            );
            points.push(((tag.clone(), second), value));
            second += 1;
        }
        body.push(']');
        written.sent.extend(points.iter().cloned());
        match connection.put(&body) {
            Ok(204) => {
                written.acknowledged.extend(points);
                bodies.fetch_add(1, Ordering::Relaxed);
            }
            Ok(status) => panic!("a good body was answered with {status}"),
            // The server was killed: whether this body was kept is open.
            Err(_) => return written,
        }
    }
}

/// One life of the server: written to by several connections, killed at a random moment.
fn live_and_die(dir: &Path, first: i64) -> Written {
    let server = ServerProcess::start(dir);
    let bodies = AtomicUsize::new(0);
    let mut all = Written::default();
    thread::scope(|scope| {
        let address = server.address().to_owned();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (address, bodies) = (address.clone(), &bodies);
                scope.spawn(move || write_until_killed(&address, writer, first, bodies))
            })
            .collect();
        // The clock starts with the first acknowledgement, so that every round has some.
        for _ in 0..3000 {
            if bodies.load(Ordering::Relaxed) > 0 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_micros(fastrand::u64(0..150_000)));
        server.kill();
        for writer in writers {
            let written = writer.join().expect("a writer does not panic");
            all.sent.extend(written.sent);
            all.acknowledged.extend(written.acknowledged);
        }
    });
    all
}

/// Every point that the server holds.
fn stored(dir: &Path) -> BTreeMap<Key, f64> {
    let server = ServerProcess::start(dir);
    let series = query(server.address(), "fetch('kill.test')", FIRST_SECOND, i64::from(u32::MAX));
    let mut points = BTreeMap::new();
    for one in series {
        let writer = one["tags"]["writer"].as_str().expect("the writer's tag").to_owned();
        for point in one["dps"].as_array().expect("a series has points") {
            let second = point[0].as_i64().expect("a whole second");
            points.insert((writer.clone(), second), point[1].as_f64().expect("a number"));
        }
    }
    points
}

/// What was acknowledged and is not there, or is there with a value nobody sent.
fn lost_or_wrong(written: &Written, stored: &BTreeMap<Key, f64>) -> Vec<String> {
    let same =
        |key: &Key, value: f64| stored.get(key).is_some_and(|v| v.to_bits() == value.to_bits());
    let lost = written.acknowledged.iter().filter(|(key, value)| !same(key, **value));
    let wrong = stored.iter().filter(|(key, value)| {
        written.sent.get(*key).is_none_or(|sent| sent.to_bits() != value.to_bits())
    });
    lost.map(|(key, value)| format!("lost {key:?} = {value}"))
        .chain(wrong.map(|(key, value)| format!("never sent {key:?} = {value}")))
        .take(10)
        .collect()
}

#[test]
fn no_acknowledged_point_is_lost_to_kill_minus_nine() {
    let rounds = if std::env::var("CI").is_ok_and(|ci| ci == "true") { 30 } else { 5 };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut written = Written::default();
    for round in 0..rounds {
        let life = live_and_die(dir.path(), FIRST_SECOND + round * 1_000_000);
        assert!(!life.acknowledged.is_empty(), "round {round}: nothing was acknowledged");
        written.sent.extend(life.sent);
        written.acknowledged.extend(life.acknowledged);
        let found = lost_or_wrong(&written, &stored(dir.path()));
        assert_eq!(found, Vec::<String>::new(), "round {round}");
    }
}

#[test]
fn a_point_that_is_missing_or_changed_would_be_found() {
    let key = |second| ("w0".to_owned(), second);
    let both = BTreeMap::from([(key(1), 1.0), (key(2), 2.0)]);
    let written = Written { sent: both.clone(), acknowledged: both.clone() };
    assert_eq!(lost_or_wrong(&written, &both), Vec::<String>::new());
    let changed = BTreeMap::from([(key(1), 1.5)]);
    assert_eq!(lost_or_wrong(&written, &changed).len(), 3);
}

#[test]
fn a_terminated_server_finishes_and_says_so_with_exit_code_zero() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    let body = format!(
        r#"{{"metric":"m","timestamp":{FIRST_SECOND},"value":1.5,"tags":{{"writer":"w"}}}}"#
    );
    assert_eq!(connection.put(&body).expect("an answer"), 204);
    assert_eq!(server.terminate(), Some(0));
    let again = ServerProcess::start(dir.path());
    let series = query(again.address(), "fetch('m')", FIRST_SECOND, FIRST_SECOND);
    assert_eq!(series[0]["dps"], Value::from(vec![serde_json::json!([FIRST_SECOND, 1.5])]));
}
