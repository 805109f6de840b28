//! The machine that is measured on.

use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// The processors this thread may run on.
pub(crate) fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(None).expect("a thread may ask where it runs");
    (0..CpuSet::MAX_CPU).filter(|&processor| allowed.is_set(processor)).collect()
}

/// Keeps this thread on one processor, by turns of the number handed in.
pub(crate) fn pin(number: usize) {
    let processors = processors();
    let mut one = CpuSet::new();
    one.set(processors[number % processors.len()]);
    sched_setaffinity(None, &one).expect("a thread may choose among its processors");
}

/// For how long this thread has had a processor.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("time a thread has had is not below zero")
}

/// Processor, number of processors, system and compiler in a line.
pub(crate) fn description() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    format!(
        "{}, {} processors, {}, {}",
        model.unwrap_or(env::consts::ARCH),
        processors().len(),
        env::consts::OS,
        compiler.unwrap_or_default(),
    )
}
