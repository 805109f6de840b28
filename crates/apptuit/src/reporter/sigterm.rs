//! What is not sent yet goes out when the process is asked to end.
//!
//! Inside the signal nothing happens but a byte into a pipe, and what was there before: the handler
//! of `signal-hook` calls the one it replaces. All the rest is done by one thread for all reporters
//! of the process.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, Weak};
use std::thread;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::desk::lock;
use super::{Shared, flush};
use crate::{Error, ErrorKind, Result};

/// The reporters that flush.
static FLUSHING: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Flushes this reporter, if it runs, when the process gets SIGTERM.
pub(super) fn flush_on_sigterm(shared: Weak<Shared>) -> Result<()> {
    static THREAD: OnceLock<Result<(), String>> = OnceLock::new();
    let started = THREAD.get_or_init(|| start().map_err(|error| error.to_string()));
    started.as_ref().map_err(|error| {
        Error::new(ErrorKind::Configuration, format!("SIGTERM cannot be waited for: {error}"))
    })?;
    let mut flushing = lock(&FLUSHING);
    flushing.retain(|reporter| reporter.strong_count() > 0);
    if !flushing.iter().any(|reporter| reporter.ptr_eq(&shared)) {
        flushing.push(shared);
    }
    Ok(())
}

fn start() -> std::io::Result<()> {
    let program_handles_it = is_caught(SIGTERM);
    let mut signals = Signals::new([SIGTERM])?;
    thread::Builder::new().name("apptuit-sigterm".to_owned()).spawn(move || {
        for _ in signals.forever() {
            flush_all();
            if !program_handles_it {
                // The process ends as it would have without us, and with the same status.
                let _ = emulate_default_handler(SIGTERM);
            }
        }
    })?;
    Ok(())
}

/// All at the same time: none waits for another's server.
fn flush_all() {
    let flushing = lock(&FLUSHING).clone();
    thread::scope(|scope| {
        let running = flushing.iter().filter_map(Weak::upgrade);
        for shared in running.filter(|shared| shared.is_running.load(Ordering::Acquire)) {
            scope.spawn(move || flush::flush(&shared, shared.stop_timeout));
        }
    });
}

/// Whether the program has a handler for the signal, or ignores it. Where the system does not tell,
/// it is taken to have none, and ends after the flush.
fn is_caught(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let has = |field: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
    };
    has("SigCgt:") || has("SigIgn:")
}
