//! macOS: `getrusage` for totals, sysinfo for memory. Written from the documentation, not yet run.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::{Usage, rusage};

/// macOS counts the peak in bytes.
const BYTE: u32 = 1;

pub(super) fn usage() -> Usage {
    Usage { memory_bytes: memory_bytes(), ..rusage::usage(BYTE) }
}

fn memory_bytes() -> Option<f64> {
    let this = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    let wanted = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), false, wanted);
    Some(system.process(this)?.memory() as f64)
}
