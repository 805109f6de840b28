//! What this process takes from its machine, as points.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(unix)]
mod rusage;
#[cfg(all(test, target_os = "linux"))]
mod tests;
#[cfg(windows)]
mod windows;

use apptuit_model::{DataPoint, Tags, Timestamp};

#[cfg(target_os = "linux")]
use linux::usage;
#[cfg(target_os = "macos")]
use macos::usage;
#[cfg(windows)]
use windows::usage;

const TYPE: &str = "type";
const WORKER: &str = "worker_id";

/// Processor time, memory, page faults and more of this process, read anew each time.
///
/// | metric | tag `type` | meaning |
/// | --- | --- | --- |
/// | `process.cpu.time.used.seconds.count` | `user`, `system` | processor seconds |
/// | `process.memory.usage.bytes.value` | `main` | memory it occupies now |
/// | | `peak` | the most it ever occupied |
/// | | `shared`, `unshared` | the parts of `main` that are mapped from files or shared, and its own |
/// | | `unshared_stack_size` | the stack of its first thread |
/// | `process.page.faults.count` | `major`, `minor` | with and without reading from disk |
/// | `process.swaps.count` | | times it was swapped out; not counted by Linux |
/// | `process.block.operations.count` | `input`, `output` | reads and writes that reached a disk |
/// | `process.ipc.messages.count` | `sent`, `received` | not counted by Linux |
/// | `process.system.signals.count` | | signals received; not counted by Linux |
/// | `process.context.switches.count` | `voluntary`, `involuntary` | |
/// | `process.thread.value` | `total` | threads it has now |
///
/// Names ending in `count` are totals since the process began, those in `value` are what is there
/// now. Each point has a tag `worker_id`, the process id, also right in a child after a fork. What a
/// system does not count is 0; what it does not tell is left out.
///
/// On Linux the numbers are those of `getrusage` and of `/proc/self/status`. The versions for macOS
/// and Windows are written but have not been run by us; Windows tells `user` processor time (both
/// kinds together), `main` memory and block operations (bytes read and written, in blocks of 512).
#[derive(Clone, Debug)]
pub struct ProcessMetrics {
    root: &'static str,
}

impl ProcessMetrics {
    /// The metrics under the names above.
    pub const fn new() -> Self {
        Self::named("process")
    }

    /// The same under names that begin with `root` instead of `process`, and `root.process.swaps`.
    pub const fn named(root: &'static str) -> Self {
        Self { root }
    }

    /// A reading, as points of this instant, with `prefix` in front of every name.
    ///
    /// ```
    /// use apptuit::Timestamp;
    /// use apptuit::reporter::ProcessMetrics;
    ///
    /// let points = ProcessMetrics::new().points("shop.", Timestamp::now());
    /// let memory = points.iter().find(|point| point.tags().get("type") == Some("main")).unwrap();
    /// assert_eq!(memory.metric(), "shop.process.memory.usage.bytes.value");
    /// assert!(memory.value() > 0.0);
    /// ```
    pub fn points(&self, prefix: &str, timestamp: Timestamp) -> Vec<DataPoint> {
        let worker = std::process::id().to_string();
        let point = |reading: Reading| {
            let (root, name) = (self.root, reading.name);
            let below = name.strip_prefix(root).and_then(|rest| rest.strip_prefix('.'));
            let metric = format!("{prefix}{root}.{}.{}", below.unwrap_or(name), reading.field);
            let tags = Tags::from([(WORKER, worker.as_str())]);
            let tags = reading.kind.iter().fold(tags, |tags, kind| tags.with(TYPE, *kind));
            Some(DataPoint::new((metric.as_str(), tags), timestamp, reading.value?))
        };
        readings(&usage()).into_iter().filter_map(point).collect()
    }
}

impl Default for ProcessMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What a system tells of this process. `None`: it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    user_seconds: Option<f64>,
    system_seconds: Option<f64>,
    memory_bytes: Option<f64>,
    peak_memory_bytes: Option<f64>,
    shared_memory_bytes: Option<f64>,
    own_memory_bytes: Option<f64>,
    stack_bytes: Option<f64>,
    major_faults: Option<f64>,
    minor_faults: Option<f64>,
    swaps: Option<f64>,
    blocks_read: Option<f64>,
    blocks_written: Option<f64>,
    messages_sent: Option<f64>,
    messages_received: Option<f64>,
    signals: Option<f64>,
    voluntary_switches: Option<f64>,
    involuntary_switches: Option<f64>,
    threads: Option<f64>,
}

/// One number and its name.
struct Reading {
    name: &'static str,
    kind: Option<&'static str>,
    field: &'static str,
    value: Option<f64>,
}

fn readings(usage: &Usage) -> Vec<Reading> {
    let total = |name, kind, value| Reading { name, kind, field: "count", value };
    let level = |name, kind, value| Reading { name, kind, field: "value", value };
    vec![
        total("cpu.time.used.seconds", Some("user"), usage.user_seconds),
        total("cpu.time.used.seconds", Some("system"), usage.system_seconds),
        level("memory.usage.bytes", Some("main"), usage.memory_bytes),
        level("memory.usage.bytes", Some("peak"), usage.peak_memory_bytes),
        level("memory.usage.bytes", Some("shared"), usage.shared_memory_bytes),
        level("memory.usage.bytes", Some("unshared"), usage.own_memory_bytes),
        level("memory.usage.bytes", Some("unshared_stack_size"), usage.stack_bytes),
        total("page.faults", Some("major"), usage.major_faults),
        total("page.faults", Some("minor"), usage.minor_faults),
        total("process.swaps", None, usage.swaps),
        total("block.operations", Some("input"), usage.blocks_read),
        total("block.operations", Some("output"), usage.blocks_written),
        total("ipc.messages", Some("sent"), usage.messages_sent),
        total("ipc.messages", Some("received"), usage.messages_received),
        total("system.signals", None, usage.signals),
        total("context.switches", Some("voluntary"), usage.voluntary_switches),
        total("context.switches", Some("involuntary"), usage.involuntary_switches),
        level("thread", Some("total"), usage.threads),
    ]
}

/// Other systems with `getrusage`.
#[cfg(all(unix, not(target_os = "linux"), not(target_os = "macos")))]
fn usage() -> Usage {
    rusage::usage(1024)
}

/// Systems that tell nothing.
#[cfg(not(any(unix, windows)))]
fn usage() -> Usage {
    Usage::default()
}
