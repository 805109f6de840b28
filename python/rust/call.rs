//! Calls that may take long, and that Ctrl-C ends.

use std::mem::ManuallyDrop;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{io, process, thread};

use apptuit::client::Interrupt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;

use crate::transport::noting_raised;

/// How long a signal waits for its handler.
const POLL: Duration = Duration::from_millis(50);

/// The result of `call`, made without the interpreter's lock, and what a transport hook raised.
///
/// Python's signal handlers run on its main thread only. So there the call is another thread's, and
/// this one looks for signals. If a handler raises, the call is left to end by itself: it begins no
/// further try, and nobody waits for what is under way.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    call: impl FnOnce(&Interrupt) -> T + Send + 'static,
) -> PyResult<(T, Option<PyErr>)> {
    let interrupt = Interrupt::new();
    if !is_main_thread(py)? {
        return Ok(py.detach(|| noting_raised(|| call(&interrupt))));
    }
    let (done, mut result) = sync_channel(1);
    let other = interrupt.clone();
    let worker = Worker::take()?;
    worker.work(Box::new(move || {
        // Nobody listens after a signal.
        let _left = done.send(noting_raised(|| call(&other)));
    }));
    loop {
        let waited;
        (waited, result) = py.detach(move || (result.recv_timeout(POLL), result));
        match waited {
            Ok(result) => {
                worker.put_back();
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) => py.check_signals().inspect_err(|_| {
                interrupt.trigger();
            })?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("the call panicked"));
            }
        }
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one job after the other, and ends when it is let go of.
struct Worker {
    process: u32,
    jobs: Sender<Job>,
}

/// The one that waits for the next call: to make a thread takes longer than a short call.
/// Locked under the interpreter's lock only: a fork finds it unlocked.
static IDLE: Mutex<Option<Worker>> = Mutex::new(None);

impl Worker {
    fn take() -> io::Result<Self> {
        let process = process::id();
        match IDLE.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(idle) if idle.process == process => return Ok(idle),
            // After a fork it is the parent's, and what it holds may be locked for good.
            parents => {
                let _kept = ManuallyDrop::new(parents);
            }
        }
        let (jobs, waiting) = channel::<Job>();
        let work = move || waiting.into_iter().for_each(|job| job());
        thread::Builder::new().name("apptuit".to_owned()).spawn(work)?;
        Ok(Self { process, jobs })
    }

    fn work(&self, job: Job) {
        // If the thread has ended, so has the job's end of the channel of results.
        let _taken = self.jobs.send(job);
    }

    fn put_back(self) {
        *IDLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }
}

pub(crate) fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import(intern!(py, "threading"))?;
    let main = threading.call_method0(intern!(py, "main_thread"))?;
    Ok(main.is(&threading.call_method0(intern!(py, "current_thread"))?))
}
