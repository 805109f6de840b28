//! A server under half of what it can take, with queries, for as long as there is patience: its memory
//! stays, and so do its latencies.
//!
//! `APPTUIT_SOAK` is a number of minutes; else it is one in continuous integration, and elsewhere a
//! quarter of one.

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::server::{Connection, ServerProcess};

const METRICS: i64 = 10;
const HOSTS: i64 = 100;
/// Points of a body: one of each series.
const SERIES: i64 = METRICS * HOSTS;
const FIRST_SECOND: i64 = 1_500_000_000;
const STEP: i64 = 10;
const WRITERS: u32 = 2;
/// How long it is let go as fast as it can, to know what half of that is.
const TRIAL: Duration = Duration::from_secs(3);
const QUERIES_EVERY: Duration = Duration::from_millis(200);
/// The time is cut in so many parts. The first third is for caches to fill; the others are compared.
const PARTS: usize = 15;
/// Latencies in seconds that are not told apart in a soak, and where other tests run beside this one.
const NOISE: [f64; 2] = [0.020, 0.250];
/// Memory in bytes that is not told apart: what allocators keep, and caches that fill late.
const SLACK: f64 = 48e6;

/// Nobody's clock but the machine's tells how fast it is.
#[expect(clippy::disallowed_methods, reason = "it is the machine that is measured")]
fn now() -> Instant {
    Instant::now()
}

/// The body of an instant, counted from 0: walks that stay in bounds.
fn body(instant: i64) -> String {
    let mut text = String::with_capacity(100 * 1000);
    let second = FIRST_SECOND + instant * STEP;
    for series in 0..SERIES {
        let (metric, host) = (series % METRICS, series / METRICS);
        let value = (instant * (series + 7)).rem_euclid(10_000);
        let comma = if series == 0 { '[' } else { ',' };
        let _ = write!(
            text,
            r#"{comma}{{"metric":"m{metric}","timestamp":{second},"value":{}.{:02},"tags":{{"host":"h{host}"}}}}"#,
            value / 100,
            value % 100
        );
    }
    text.push(']');
    text
}

/// What was seen: when, since the begin, and how many seconds it took, or bytes there were.
type Seen = Mutex<Vec<(Duration, f64)>>;

#[derive(Default)]
struct Log {
    puts: Seen,
    queries: Seen,
    memory: Seen,
}

fn note(seen: &Seen, begin: Instant, figure: f64) {
    seen.lock().expect("nobody panics").push((begin.elapsed(), figure));
}

/// Sends bodies until it is time, each when it is due, or as soon as the one before is answered.
fn write(
    server: &ServerProcess,
    next: &AtomicI64,
    pause: Duration,
    end: Instant,
    took: impl Fn(f64),
) {
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    let mut due = now();
    while now() < end {
        let text = body(next.fetch_add(1, Ordering::SeqCst));
        thread::sleep(due.saturating_duration_since(now()));
        due += pause;
        let start = now();
        assert_eq!(connection.put(&text).expect("an answer"), 204);
        took(start.elapsed().as_secs_f64());
    }
}

/// Asks for the last hour of a metric, as a dashboard does.
fn ask(server: &ServerProcess, next: &AtomicI64, begin: Instant, end: Instant, log: &Log) {
    let mut connection = Connection::open(server.address()).expect("the server accepts");
    let mut due = now();
    for n in 0_i64.. {
        if now() >= end {
            return;
        }
        thread::sleep(due.saturating_duration_since(now()));
        due += QUERIES_EVERY;
        let last = FIRST_SECOND + next.load(Ordering::SeqCst) * STEP;
        let query = format!("fetch(%27m{}%27).downsample(%271m%27,%27avg%27).sum()", n % METRICS);
        let path = format!("/api/query?start={}&end={last}&q={query}", last - 3600);
        let start = now();
        let (status, answer) = connection.get(&path).expect("an answer");
        assert_eq!(status, 200, "{answer}");
        note(&log.queries, begin, start.elapsed().as_secs_f64());
        note(&log.memory, begin, server.memory());
    }
}

/// The figure of each part of the time: a quantile of what was seen in it.
fn parts(seen: &Seen, whole: Duration, quantile: f64) -> Vec<f64> {
    let seen = seen.lock().expect("nobody panics");
    let part = whole.as_secs_f64() / PARTS as f64;
    let figures = (0..PARTS).map(|n| {
        let from = n as f64 * part;
        let mut within: Vec<f64> = seen
            .iter()
            .filter(|(at, _)| (from..from + part).contains(&at.as_secs_f64()))
            .map(|(_, figure)| *figure)
            .collect();
        within.sort_by(f64::total_cmp);
        assert!(!within.is_empty(), "nothing was seen in part {n} of the time");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in it"
        )]
        let place = ((within.len() - 1) as f64 * quantile) as usize;
        within[place]
    });
    figures.collect()
}

/// The middle one.
fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Whether the last third of the figures is above the middle one by half, and by more than is told apart.
fn grows(figures: &[f64], noise: f64) -> bool {
    let (middle, last) = (PARTS / 3..2 * PARTS / 3, 2 * PARTS / 3..PARTS);
    let (middle, last) = (median(&figures[middle]), median(&figures[last]));
    last > 1.5 * middle && last > middle + noise
}

#[test]
#[cfg(target_os = "linux")]
fn memory_and_latency_stay_at_half_of_what_a_server_can_take() {
    let minutes = std::env::var("APPTUIT_SOAK").map(|minutes| minutes.parse().expect("minutes"));
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    let noise = NOISE[usize::from(minutes.is_err())];
    let minutes: f64 = minutes.unwrap_or(if is_ci { 1.0 } else { 0.25 });
    let whole = Duration::from_secs_f64(minutes * 60.0);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let server = ServerProcess::start(dir.path());
    let (next, log) = (AtomicI64::new(0), Log::default());

    let end = now() + TRIAL;
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(&server, &next, Duration::ZERO, end, |_| ()));
        }
    });
    let bodies = next.load(Ordering::SeqCst);
    let pause = TRIAL * 2 * WRITERS / u32::try_from(bodies).expect("a trial is short");

    let begin = now();
    let end = begin + whole;
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                write(&server, &next, pause, end, |took| note(&log.puts, begin, took));
            });
        }
        scope.spawn(|| ask(&server, &next, begin, end, &log));
    });

    let points = next.load(Ordering::SeqCst) * SERIES;
    let figures = [
        ("put, median", parts(&log.puts, whole, 0.5), noise),
        ("put, p99", parts(&log.puts, whole, 0.99), 4.0 * noise),
        ("query, median", parts(&log.queries, whole, 0.5), noise),
        ("memory", parts(&log.memory, whole, 1.0), SLACK),
    ];
    println!(
        "{points} points, each body {:.2} ms after the other",
        1e3 * pause.as_secs_f64() / 2.0
    );
    for (name, figures, _) in &figures {
        let scale = if *name == "memory" { 1e-6 } else { 1e3 };
        let figures: Vec<_> =
            figures.iter().map(|figure| format!("{:.1}", figure * scale)).collect();
        println!("{name}: {} {}", figures.join(" "), if scale < 1.0 { "MB" } else { "ms" });
    }
    for (name, figures, noise) in figures {
        assert!(!grows(&figures, noise), "{name} grows: {figures:?}");
    }
}

#[test]
fn a_figure_that_grows_is_told_from_one_that_sways() {
    let from = |figure: fn(usize) -> f64| (0..PARTS).map(figure).collect::<Vec<_>>();
    assert!(!grows(&from(|n| 100.0 + (n % 3) as f64 * 40.0), 1.0));
    assert!(
        !grows(&from(|n| if n < 5 { n as f64 } else { 5.0 }), 1.0),
        "the first third is not looked at"
    );
    assert!(grows(&from(|n| 10.0 * n as f64), 1.0));
    assert!(!grows(&from(|n| 10.0 * n as f64), 100.0), "that is not told apart");
}
