//! `kill -9` at any moment, under full load, while points are moved into chunks: no acknowledged point is
//! lost, none is there twice, and what is sent again is recognised.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::Connection as Database;
use serde_json::Value;

use super::commands::{apptuit, stderr, stdout};
use super::server::{Connection, ServerProcess, query};

const WRITERS: usize = 4;
/// Of each writer; a body has as many instants.
const SERIES: i64 = 10;
/// A writer that has sent so many waits for the end: what is read back has to end too.
const BODIES: i64 = 400;
/// Far enough from zero that rounds and writers have room for timestamps of their own.
const FIRST_SECOND: i64 = 1_500_000_000;
/// The store looks once a second for series that are worth a chunk, those of a thousand points.
const LIFE: std::ops::Range<u64> = 900..1_400;

/// Series (its writer tag) and second of a point.
type Key = (String, i64);
type Points = BTreeMap<Key, f64>;

/// A body, and what makes a resend of it recognisable.
struct Body {
    text: String,
    key: Option<String>,
    points: Points,
}

impl Body {
    /// The points of one writer from a second on, with values that nobody sent before.
    fn new(metric: &str, writer: usize, first: i64, key: Option<String>) -> Self {
        let (mut text, mut points) = (String::from("["), Points::new());
        for second in first..first + SERIES {
            for series in 0..SERIES {
                let value = fastrand::f64() * 1e6;
                let comma = if points.is_empty() { "" } else { "," };
                let tag = format!("w{writer}-{series}");
                let _ = write!(
                    text,
                    r#"{comma}{{"metric":"{metric}","timestamp":{second},"value":{value:?},"tags":{{"writer":"{tag}"}}}}"#
                );
                points.insert((tag, second), value);
            }
        }
        text.push(']');
        Self { text, key, points }
    }

    fn put(&self, connection: &mut Connection) -> std::io::Result<u16> {
        connection.put_with_key(&self.text, self.key.as_deref())
    }
}

/// What one writer sent: all of it, and the part that was acknowledged.
#[derive(Default)]
struct Written {
    sent: Points,
    acknowledged: Points,
    /// The last body that was acknowledged, and the one that was under way.
    last: Vec<Body>,
}

/// Sends bodies one after another until the server is gone. Every second writer gives them keys.
fn write_until_killed(
    address: &str,
    metric: &str,
    writer: usize,
    first: i64,
    bodies: &AtomicUsize,
) -> Written {
    let mut written = Written::default();
    let Ok(mut connection) = Connection::open(address) else { return written };
    for number in 0..BODIES {
        let key = writer.is_multiple_of(2).then(|| format!("{metric}-{writer}-{number}"));
        let body = Body::new(metric, writer, first + number * SERIES, key);
        written.sent.extend(body.points.clone());
        let answer = body.put(&mut connection);
        let points = body.points.clone();
        written.last.push(body);
        match answer {
            Ok(204) => {
                written.acknowledged.extend(points);
                written.last.drain(..written.last.len() - 1);
                bodies.fetch_add(1, Ordering::Relaxed);
            }
            Ok(status) => panic!("a good body was answered with {status}"),
            // The server was killed: whether this body was kept is open.
            Err(_) => return written,
        }
    }
    written
}

/// One life of the server: written to by several connections, killed at a random moment.
fn live_and_die(dir: &Path, metric: &str) -> Vec<Written> {
    let server = ServerProcess::start(dir);
    let bodies = AtomicUsize::new(0);
    thread::scope(|scope| {
        let address = server.address().to_owned();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (address, bodies) = (address.clone(), &bodies);
                scope.spawn(move || {
                    write_until_killed(&address, metric, writer, FIRST_SECOND, bodies)
                })
            })
            .collect();
        // The clock starts with the first acknowledgement, so that every round has some.
        for _ in 0..3000 {
            if bodies.load(Ordering::Relaxed) > 0 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(fastrand::u64(LIFE)));
        server.kill();
        writers.into_iter().map(|writer| writer.join().expect("a writer does not panic")).collect()
    })
}

/// Sends again what was under way and what came before it, as a client would that heard nothing; then other
/// values for these instants, and then, as if it had been on its way for long, the first again.
///
/// Those with a key are recognised the second time, so that they do not replace the later values.
fn send_again(server: &ServerProcess, metric: &str, writer: usize, written: &mut Written) {
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    for (number, body) in std::mem::take(&mut written.last).into_iter().enumerate() {
        assert_eq!(body.put(&mut connection).expect("an answer"), 204);
        written.acknowledged.extend(body.points.clone());
        let Some(((_, first), _)) = body.points.first_key_value() else { continue };
        let key = body.key.as_ref().map(|_| format!("{metric}-{writer}-later-{number}"));
        let later = Body::new(metric, writer, *first, key);
        assert_eq!(later.put(&mut connection).expect("an answer"), 204);
        written.sent.extend(later.points.clone());
        written.acknowledged.extend(later.points.clone());
        if body.key.is_some() {
            assert_eq!(body.put(&mut connection).expect("an answer"), 204);
        }
    }
}

/// Every point of a metric that the server holds.
fn stored(server: &ServerProcess, metric: &str) -> Points {
    let fetch = format!("fetch('{metric}')");
    let mut points = Points::new();
    for one in query(server.address(), &fetch, FIRST_SECOND, i64::from(u32::MAX)) {
        let writer = one["tags"]["writer"].as_str().expect("the writer's tag").to_owned();
        for point in one["dps"].as_array().expect("a series has points") {
            let second = point[0].as_i64().expect("a whole second");
            let value = point[1].as_f64().expect("a number");
            let before = points.insert((writer.clone(), second), value);
            assert_eq!(before, None, "{writer} at {second} is there twice");
        }
    }
    points
}

/// The server counts so many points of a metric, as summaries of chunks have them.
fn assert_counted(server: &ServerProcess, metric: &str, expected: usize) {
    let count = format!("fetch('{metric}').downsample('1d', 'count').sum()");
    let first_day = FIRST_SECOND - FIRST_SECOND % 86_400;
    let days = query(server.address(), &count, first_day, i64::from(u32::MAX));
    let days = days.iter().flat_map(|series| series["dps"].as_array().expect("points"));
    let counted: f64 = days.map(|day| day[1].as_f64().expect("a number")).sum();
    assert!((counted - expected as f64).abs() < 0.5, "{metric} has {counted} of {expected} points");
}

/// What was acknowledged and is not there, or is there with a value nobody sent.
fn lost_or_wrong(written: &Written, stored: &Points) -> Vec<String> {
    let same =
        |key: &Key, value: f64| stored.get(key).is_some_and(|v| v.to_bits() == value.to_bits());
    let lost = written.acknowledged.iter().filter(|(key, value)| !same(key, **value));
    let wrong = stored.iter().filter(|(key, value)| {
        let acknowledged = written.acknowledged.contains_key(*key);
        let sent = written.sent.get(*key).is_some_and(|sent| sent.to_bits() == value.to_bits());
        !acknowledged && !sent
    });
    lost.map(|(key, value)| format!("lost {key:?} = {value}"))
        .chain(wrong.map(|(key, value)| format!("never sent {key:?} = {value}")))
        .take(10)
        .collect()
}

/// SQLite's check and ours, of a copy: the next server is to find what the killed one left.
fn assert_sound(dir: &Path) {
    let copy = tempfile::tempdir().expect("a temporary directory");
    for name in ["default.sqlite", "default.sqlite-wal"] {
        // The write-ahead file may have been moved into the database, and gone.
        let copied = fs::copy(dir.join(name), copy.path().join(name));
        assert!(copied.is_ok() || name.ends_with("-wal"), "{copied:?}");
    }
    let copy = copy.path().join("default.sqlite");
    let checked = apptuit(&["store", "check", copy.to_str().expect("a path in UTF-8")], "");
    assert!(checked.status.success(), "{}{}", stdout(&checked), stderr(&checked));
    let database = Database::open(copy).expect("a database");
    let check = database.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.as_deref(), Ok("ok"));
}

/// Whether the file has chunks: the points were moved at least once.
fn has_chunks(dir: &Path) -> bool {
    let database = Database::open(dir.join("default.sqlite")).expect("a database");
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'chunk%'";
    database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count") > 0
}

#[test]
fn no_acknowledged_point_is_lost_or_doubled_by_kill_minus_nine() {
    let rounds = match std::env::var("APPTUIT_KILL_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("APPTUIT_KILL_ROUNDS is a whole number"),
        Err(_) if std::env::var("CI").is_ok_and(|ci| ci == "true") => 30,
        Err(_) => 4,
    };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut all = Vec::new();
    for round in 0..rounds {
        let metric = format!("round.{round}");
        let mut lives = live_and_die(dir.path(), &metric);
        assert_sound(dir.path());
        let server = ServerProcess::start(dir.path());
        let mut written = Written::default();
        let found = stored(&server, &metric);
        for life in &mut lives {
            written.sent.extend(life.sent.clone());
            written.acknowledged.extend(life.acknowledged.clone());
        }
        assert!(!written.acknowledged.is_empty(), "round {round}: nothing was acknowledged");
        assert_eq!(lost_or_wrong(&written, &found), Vec::<String>::new(), "round {round}");

        for (writer, life) in lives.iter_mut().enumerate() {
            send_again(&server, &metric, writer, life);
            written.sent.extend(life.sent.clone());
            written.acknowledged.extend(life.acknowledged.clone());
        }
        let found = stored(&server, &metric);
        assert_eq!(lost_or_wrong(&written, &found), Vec::<String>::new(), "round {round}, again");
        assert_counted(&server, &metric, found.len());
        server.kill();
        all.push((metric, found));
    }
    assert!(has_chunks(dir.path()), "no points were moved into chunks");
    assert_sound(dir.path());
    let server = ServerProcess::start(dir.path());
    for (metric, found) in all {
        assert_counted(&server, &metric, found.len());
        assert!(stored(&server, &metric) == found, "{metric} after all rounds");
    }
}

#[test]
fn a_point_that_is_missing_or_changed_would_be_found() {
    let key = |second| ("w0".to_owned(), second);
    let both = BTreeMap::from([(key(1), 1.0), (key(2), 2.0)]);
    let written = Written { sent: both.clone(), acknowledged: both.clone(), ..Written::default() };
    assert_eq!(lost_or_wrong(&written, &both), Vec::<String>::new());
    let changed = BTreeMap::from([(key(1), 1.5), (key(3), 3.0)]);
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
