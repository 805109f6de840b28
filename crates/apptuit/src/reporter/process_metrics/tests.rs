//! The numbers against what `/proc/self/stat` and `/proc/self/io` say at the same time.

use std::fs;
use std::hint::black_box;

use super::*;

const NOON: Timestamp = Timestamp::from_secs(43_200);
const MEGABYTE: usize = 1 << 20;

fn value(points: &[DataPoint], metric: &str, kind: Option<&str>) -> f64 {
    let found: Vec<f64> = points
        .iter()
        .filter(|point| point.metric() == metric && point.tags().get("type") == kind)
        .map(DataPoint::value)
        .collect();
    assert_eq!(found.len(), 1, "{metric} {kind:?} in {points:?}");
    found[0]
}

fn now(metric: &str, kind: &str) -> f64 {
    value(&ProcessMetrics::new().points("", NOON), metric, Some(kind))
}

/// A field of `/proc/self/stat`, numbered as in its manual page.
fn stat(number: usize) -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("Linux has it");
    // The name, which is field 2, may hold blanks.
    let (_, after_name) = text.rsplit_once(") ").expect("a name in parentheses");
    let field = after_name.split(' ').nth(number - 3).expect("a field of this number");
    field.parse().expect("a number")
}

/// Keeps the processor busy until it has spent some ticks of a hundredth of a second.
fn work(field: usize, ticks: f64, mut once: impl FnMut()) {
    let end = stat(field) + ticks;
    while stat(field) < end {
        (0..500).for_each(|_| once());
    }
}

#[test]
fn totals_are_what_the_system_counts_each_time_they_are_read() {
    let user_time = (14, "process.cpu.time.used.seconds.count", "user", 0.01);
    let system_time = (15, "process.cpu.time.used.seconds.count", "system", 0.01);
    let minor = (10, "process.page.faults.count", "minor", 1.0);
    let major = (12, "process.page.faults.count", "major", 1.0);
    for round in 0..3 {
        for (field, metric, kind, unit) in [user_time, system_time, minor, major] {
            // The kernel divides time between the two kinds only roughly, by ticks.
            let slack = if unit < 1.0 { 0.03 } else { 0.0 };
            let before = stat(field) * unit;
            let read = now(metric, kind);
            let after = stat(field) * unit;
            let is_between = before - slack <= read && read <= after + slack;
            assert!(is_between, "round {round}, {metric} {kind}: {before} {read} {after}");
        }
        work(14, 5.0, || {
            black_box((0..1000_u64).map(black_box).sum::<u64>());
        });
        work(15, 2.0, || drop(black_box(fs::read("/proc/self/status"))));
    }
    assert!(stat(14) >= 15.0, "the rounds took time");
}

#[test]
fn touching_memory_costs_minor_faults_and_no_major_ones() {
    let faults = || {
        let points = ProcessMetrics::new().points("", NOON);
        let of = |kind| value(&points, "process.page.faults.count", Some(kind));
        (of("minor"), of("major"))
    };
    let before = faults();
    black_box(vec![1_u8; 64 * MEGABYTE]);
    let after = faults();
    // With pages of two megabytes it takes few.
    assert!(after.0 - before.0 >= 32.0, "{before:?} {after:?}");
    assert!(after.1 - before.1 < 32.0, "{before:?} {after:?}");
}

#[test]
fn memory_rises_and_falls_and_its_peak_stays() {
    let memory = |kind| now("process.memory.usage.bytes.value", kind);
    let (before, own_before) = (memory("main"), memory("unshared"));
    let block = black_box(vec![1_u8; 256 * MEGABYTE]);
    let (during, own_during) = (memory("main"), memory("unshared"));
    drop(block);
    let (after, peak) = (memory("main"), memory("peak"));

    let slack = (64 * MEGABYTE) as f64;
    let size = (256 * MEGABYTE) as f64;
    assert!((during - before - size).abs() < slack, "{before} {during}");
    assert!((own_during - own_before - size).abs() < slack, "{own_before} {own_during}");
    assert!((after - before).abs() < slack, "{before} {after}");
    assert!(peak >= during - slack && peak < during + slack, "{during} {peak}");
}

#[test]
fn threads_are_those_there_are_now() {
    let threads = || now("process.thread.value", "total");
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let waiting = std::thread::spawn(move || receiver.recv());
    let fields = (stat(20), threads(), stat(20));
    assert!(fields.1 >= fields.0.min(fields.2) && fields.1 <= fields.0.max(fields.2), "{fields:?}");
    assert!(fields.1 >= 2.0);
    drop(sender);
    waiting.join().unwrap().unwrap_err();
}

#[test]
fn each_series_is_there_once_and_names_the_process() {
    let points = ProcessMetrics::new().points("shop.", NOON);
    let mut names: Vec<String> = points.iter().map(|point| point.name().to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 18, "{names:?}");
    let id = fs::read_link("/proc/self").unwrap();
    for point in &points {
        assert_eq!(point.tags().get("worker_id"), id.to_str());
        assert!(point.metric().starts_with("shop.process."), "{point:?}");
        assert_eq!(point.timestamp(), NOON);
        assert!(point.value().is_finite() && point.value() >= 0.0, "{point:?}");
    }
    // Linux does not count these.
    for metric in ["shop.process.swaps.count", "shop.process.system.signals.count"] {
        assert!(value(&points, metric, None).abs() < f64::EPSILON);
    }
}

#[test]
fn under_another_root_the_names_keep_what_follows() {
    let points = ProcessMetrics::named("python").points("", NOON);
    assert!(points.iter().all(|point| point.metric().starts_with("python.")), "{points:?}");
    value(&points, "python.process.swaps.count", None);
    value(&points, "python.cpu.time.used.seconds.count", Some("user"));
}
