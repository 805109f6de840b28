//! How threads of one reporter wait for each other, always within a bounded time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use apptuit_metrics::{Clock, SystemClock};

/// One report or delivery of a reporter at a time.
#[derive(Debug, Default)]
pub(super) struct Turns {
    taken: Mutex<bool>,
    given_back: Condvar,
}

/// Ends the turn when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for its turn, until `deadline` on the system's clock.
    pub(super) fn take(&self, deadline: Duration) -> Option<Turn<'_>> {
        let mut taken = lock(&self.taken);
        while *taken {
            let left = left(deadline);
            if left.is_zero() {
                return None;
            }
            let waited = self.given_back.wait_timeout(taken, left);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken = true;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.taken) = false;
        self.0.given_back.notify_one();
    }
}

/// Where the thread of a reporter is told to stop, and waits until then.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// When the thread is to be done, once it is to stop.
    stop: Mutex<Option<Stop>>,
    changed: Condvar,
}

/// How long stopping may take, on the system's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// What was begun before is left alone then.
    pub(super) leave: Duration,
    /// The last report is left alone then; what follows is only to write down what waits.
    pub(super) end: Duration,
}

impl Desk {
    /// Tells the thread to stop within `timeout`.
    pub(super) fn stop(&self, timeout: Duration) {
        let now = SystemClock.now();
        let after = |part: f64| now.saturating_add(timeout.mul_f64(part));
        lock(&self.stop).get_or_insert(Stop { leave: after(0.4), end: after(0.8) });
        self.changed.notify_all();
    }

    /// Whether, and until when, the thread is to stop.
    pub(super) fn stopping(&self) -> Option<Stop> {
        *lock(&self.stop)
    }

    /// Waits for `span`, or until told to stop; says whether it was told.
    pub(super) fn wait(&self, span: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.stop), span, |stop| stop.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    /// Does `work` on another thread and waits for it: until `Stop::leave` of a stop that comes
    /// meanwhile, or `Stop::end` of one that came before. `None` if it is not done by then, and is
    /// left to end on its own.
    pub(super) fn wait_for<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let is_last = self.stopping().is_some();
        let (done, desk) = (Arc::new(Mutex::new(None)), Arc::clone(self));
        let slot = Arc::clone(&done);
        let worker = thread::Builder::new().name("apptuit-delivery".to_owned()).spawn(move || {
            let result = work();
            *lock(&slot) = Some(result);
            // Under the lock, so that a waiter does not miss it between its look and its wait.
            let _guard = lock(&desk.stop);
            desk.changed.notify_all();
        });
        // Without a thread nothing can be waited for: what was to be done is left undone.
        worker.ok()?;
        let mut stop = lock(&self.stop);
        loop {
            if let Some(result) = lock(&done).take() {
                return Some(result);
            }
            let deadline = stop.map(|stop| if is_last { stop.end } else { stop.leave });
            let left = deadline.map_or(Duration::MAX, left);
            if left.is_zero() {
                return None;
            }
            // Longer spans overflow on some systems.
            let span = left.min(Duration::from_hours(1));
            stop = self.changed.wait_timeout(stop, span).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The time until `deadline` on the system's clock.
pub(super) fn left(deadline: Duration) -> Duration {
    deadline.saturating_sub(SystemClock.now())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_waited_for_until_the_deadline_and_given_back_when_dropped() {
        let turns = Turns::default();
        let turn = turns.take(Duration::MAX).unwrap();
        assert!(turns.take(Duration::ZERO).is_none());
        drop(turn);
        assert!(turns.take(Duration::ZERO).is_some());
    }

    #[test]
    fn work_that_hangs_is_left_when_the_reporter_stops() {
        let desk = Arc::new(Desk::default());
        assert_eq!(desk.wait_for(|| 7), Some(7));
        desk.stop(Duration::from_millis(10));
        let (release, hang) = std::sync::mpsc::channel::<()>();
        assert_eq!(desk.wait_for(move || hang.recv().is_ok()), None);
        drop(release);
    }

    #[test]
    fn waiting_ends_when_told_to_stop() {
        let desk = Arc::new(Desk::default());
        assert!(!desk.wait(Duration::ZERO));
        let other = Arc::clone(&desk);
        let waiting = thread::spawn(move || other.wait(Duration::from_hours(1)));
        desk.stop(Duration::ZERO);
        assert!(waiting.join().unwrap());
    }
}
