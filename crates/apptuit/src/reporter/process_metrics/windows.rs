//! Windows, through sysinfo. Written from the documentation, not yet run.

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

use super::Usage;

/// The bytes of a block, as Unix counts them.
const BLOCK: f64 = 512.0;

pub(super) fn usage() -> Usage {
    told().unwrap_or_default()
}

fn told() -> Option<Usage> {
    let this = sysinfo::get_current_pid().ok()?;
    let mut system = System::new();
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_disk_usage().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[this]), false, wanted);
    let process = system.process(this)?;
    let disk = process.disk_usage();
    Some(Usage {
        user_seconds: Some(process.accumulated_cpu_time() as f64 / 1e3),
        memory_bytes: Some(process.memory() as f64),
        blocks_read: Some((disk.total_read_bytes as f64 / BLOCK).floor()),
        blocks_written: Some((disk.total_written_bytes as f64 / BLOCK).floor()),
        ..Usage::default()
    })
}
