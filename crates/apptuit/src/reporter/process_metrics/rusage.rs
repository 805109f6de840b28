//! What `getrusage` tells, on every Unix.

use nix::libc::c_long;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::Usage;

/// The totals. `peak_unit` is the bytes in which a system counts the peak of memory.
pub(super) fn usage(peak_unit: u32) -> Usage {
    let Ok(told) = getrusage(UsageWho::RUSAGE_SELF) else { return Usage::default() };
    Usage {
        user_seconds: Some(seconds(told.user_time())),
        system_seconds: Some(seconds(told.system_time())),
        peak_memory_bytes: count(told.max_rss()).map(|peak| peak * f64::from(peak_unit)),
        major_faults: count(told.major_page_faults()),
        minor_faults: count(told.minor_page_faults()),
        swaps: count(told.full_swaps()),
        blocks_read: count(told.block_reads()),
        blocks_written: count(told.block_writes()),
        messages_sent: count(told.ipc_sends()),
        messages_received: count(told.ipc_receives()),
        signals: count(told.signals()),
        voluntary_switches: count(told.voluntary_context_switches()),
        involuntary_switches: count(told.involuntary_context_switches()),
        ..Usage::default()
    }
}

fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[expect(clippy::unnecessary_wraps, reason = "what `Usage` has")]
fn count(n: c_long) -> Option<f64> {
    Some(n as f64)
}
