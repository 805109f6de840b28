//! The clocks of reporters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apptuit::Timestamp;
use apptuit::metrics::{Clock, SystemClock};
use pyo3::prelude::*;

use crate::once::intern;
use crate::signals::SignalClock;
use crate::{exit, fork, values};

/// The machine's clocks. Threads rest in its pauses, and work from the first on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RestingClock;

impl Clock for RestingClock {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        SystemClock.timestamp()
    }

    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        fork::pause(|| SignalClock.pause(span, wait))
    }
}

/// The same, with the date of an object of Python's that has a method `time`, if it is given one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportClock(Arc<Shown>);

#[derive(Debug, Default)]
struct Shown {
    is_given: AtomicBool,
    /// Locked under the interpreter's lock only.
    given: Mutex<Option<Py<PyAny>>>,
}

impl ReportClock {
    /// Shows the time of `clock`, or the machine's.
    pub(crate) fn set(&self, clock: Option<Py<PyAny>>) {
        self.0.is_given.store(clock.is_some(), Ordering::Relaxed);
        *self.0.given.lock().unwrap_or_else(PoisonError::into_inner) = clock;
    }

    /// To the second, as a report's time is; the fraction of a second is rounded.
    fn given(&self, py: Python<'_>) -> PyResult<Timestamp> {
        let clock = {
            let given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
            given.as_ref().map(|clock| clock.clone_ref(py))
        };
        let Some(clock) = clock else { return Ok(SystemClock.timestamp()) };
        let time = clock.bind(py).call_method0(intern!(py, "time"))?;
        let rounded =
            py.import(intern!(py, "builtins"))?.call_method1(intern!(py, "round"), (time,));
        values::timestamp(&rounded?)
    }
}

impl Clock for ReportClock {
    fn now(&self) -> Duration {
        SystemClock.now()
    }

    fn timestamp(&self) -> Timestamp {
        if !self.0.is_given.load(Ordering::Relaxed) {
            return SystemClock.timestamp();
        }
        let given = exit::attach(|py| {
            self.given(py)
                .inspect_err(|raised| raised.clone_ref(py).write_unraisable(py, None))
                .ok()
        });
        given.flatten().unwrap_or_else(|| SystemClock.timestamp())
    }

    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        RestingClock.pause(span, wait)
    }
}
