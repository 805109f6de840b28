//! Linux: `getrusage` for totals, `/proc/self/status` for what is there now.

use std::fs;

use super::{Usage, rusage};

/// Linux counts the peak in kilobytes.
const KILOBYTE: u32 = 1024;

pub(super) fn usage() -> Usage {
    // Without `/proc`, as in some sandboxes, the totals are there all the same.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    with_status(&rusage::usage(KILOBYTE), &status)
}

/// The totals, and what the text of `/proc/self/status` says.
fn with_status(totals: &Usage, status: &str) -> Usage {
    let number = |key: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let bytes = |key| number(key).map(|kilobytes| kilobytes * f64::from(KILOBYTE));
    let memory_bytes = bytes("VmRSS");
    Usage {
        memory_bytes,
        // The kernel brings the peak up to date now and then: what is there now was there.
        peak_memory_bytes: totals
            .peak_memory_bytes
            .map(|peak| memory_bytes.map_or(peak, |now| peak.max(now))),
        shared_memory_bytes: bytes("RssFile").zip(bytes("RssShmem")).map(|(file, shm)| file + shm),
        own_memory_bytes: bytes("RssAnon"),
        stack_bytes: bytes("VmStk"),
        threads: number("Threads"),
        ..*totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_of_the_lines_of_its_name() {
        let status = "Name:\tVmRSS: 9\nVmHWM:\t    8 kB\nVmRSS:\t  1716 kB\nRssAnon:\t 108 kB\n\
                      RssFile:\t 1600 kB\nRssShmem:\t 8 kB\nVmStk:\t 132 kB\nThreads:\t3\n";
        let usage = with_status(&Usage::default(), status);
        assert_eq!(usage.memory_bytes, Some(1_757_184.0));
        assert_eq!(usage.own_memory_bytes, Some(110_592.0));
        assert_eq!(usage.shared_memory_bytes, Some(1_646_592.0));
        assert_eq!((usage.stack_bytes, usage.threads), (Some(135_168.0), Some(3.0)));
    }

    #[test]
    fn the_peak_is_not_below_what_is_there_now() {
        let peak = |bytes| {
            let totals = Usage { peak_memory_bytes: Some(bytes), ..Usage::default() };
            with_status(&totals, "VmRSS:\t  2 kB\n").peak_memory_bytes
        };
        assert_eq!([peak(1024.0), peak(4096.0)], [Some(2048.0), Some(4096.0)]);
    }

    #[test]
    fn without_proc_the_totals_stay_and_the_rest_is_not_told() {
        let totals = Usage { user_seconds: Some(1.5), ..Usage::default() };
        assert_eq!(with_status(&totals, ""), totals);
        assert_eq!(with_status(&totals, "VmRSS:\nThreads:\tmany\n"), totals);
    }
}
