//! How threads of one reporter wait for each other, always within a bounded time.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
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
    pub(super) fn take(&self, deadline: Duration, clock: &dyn Clock) -> Option<Turn<'_>> {
        let try_for = |span| {
            let taken = lock(&self.taken);
            let waited = self.given_back.wait_timeout_while(taken, span, |taken| *taken);
            let (mut taken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            let is_free = !timeout.timed_out();
            *taken |= is_free;
            is_free
        };
        if try_for(Duration::ZERO) {
            return Some(Turn(self));
        }
        loop {
            let left = left(deadline);
            if left.is_zero() {
                return None;
            }
            if clock.pause(left, &try_for) {
                return Some(Turn(self));
            }
        }
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
    /// Whether something was left alone already: nothing more is waited for, so that there is time to
    /// write down what waits.
    hangs: bool,
}

impl Desk {
    /// Tells the thread to stop within `timeout`.
    pub(super) fn stop(&self, timeout: Duration) {
        let now = SystemClock.now();
        let after = |part: f64| now.saturating_add(timeout.mul_f64(part));
        lock(&self.stop).get_or_insert(Stop { leave: after(0.4), end: after(0.8), hangs: false });
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
    /// left to end on its own; nor is anything after that begun.
    pub(super) fn wait_for<T: Send + 'static>(
        self: &Arc<Self>,
        clock: &Arc<dyn Clock>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let stop = self.stopping();
        if stop.is_some_and(|stop| stop.hangs) {
            return None;
        }
        let is_last = stop.is_some();
        let (done, desk) = (Arc::new(Mutex::new(None)), Arc::clone(self));
        let slot = Arc::clone(&done);
        let worker = spawn("apptuit-delivery", clock, move || {
            let result = work();
            *lock(&slot) = Some(result);
            // Under the lock, so that a waiter does not miss it between its look and its wait.
            let _guard = lock(&desk.stop);
            desk.changed.notify_all();
        });
        // Without a thread nothing can be waited for: what was to be done is left undone.
        worker.ok()?;
        let left = |stop: Option<Stop>| {
            let deadline = stop.map(|stop| if is_last { stop.end } else { stop.leave });
            deadline.map_or(Duration::MAX, left)
        };
        let is_over = |span: Duration| {
            let stop = lock(&self.stop);
            if lock(&done).is_some() {
                return true;
            }
            let span = span.min(left(*stop));
            let waited = self.changed.wait_timeout(stop, span);
            let stop = waited.unwrap_or_else(PoisonError::into_inner).0;
            lock(&done).is_some() || left(*stop).is_zero()
        };
        while !is_over(Duration::ZERO) {
            // Longer spans overflow on some systems.
            clock.pause(Duration::from_hours(1), &is_over);
        }
        let result = lock(&done).take();
        if let (None, Some(stop)) = (&result, lock(&self.stop).as_mut()) {
            stop.hangs = true;
        }
        result
    }
}

/// Starts a thread that the clock knows when this returns: a simulated one lets no time pass
/// without it.
pub(super) fn spawn(
    name: &str,
    clock: &Arc<dyn Clock>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (greeting, greeted) = sync_channel(1);
    let clock = Arc::clone(clock);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        clock.pause(Duration::ZERO, &|_| false);
        // The other end waits for it.
        let _ = greeting.send(());
        work();
    })?;
    // A thread that has ended has greeted.
    let _ = greeted.recv();
    Ok(thread)
}

/// Waits for what another thread sends, for `timeout` of this clock's time.
pub(super) fn receive<T>(
    receiver: &Receiver<T>,
    clock: &dyn Clock,
    timeout: Duration,
) -> Result<T, RecvTimeoutError> {
    let received = Cell::new(None);
    clock.pause(timeout, &|span| match receiver.recv_timeout(span) {
        Err(RecvTimeoutError::Timeout) => false,
        other => {
            received.set(Some(other));
            true
        }
    });
    received.into_inner().unwrap_or(Err(RecvTimeoutError::Timeout))
}

/// The time until `deadline` on the system's clock.
pub(super) fn left(deadline: Duration) -> Duration {
    deadline.saturating_sub(SystemClock.now())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the mutex guards, unless someone holds it.
pub(super) fn free<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_waited_for_until_the_deadline_and_given_back_when_dropped() {
        let turns = Turns::default();
        let turn = turns.take(Duration::MAX, &SystemClock).unwrap();
        assert!(turns.take(Duration::ZERO, &SystemClock).is_none());
        drop(turn);
        assert!(turns.take(Duration::ZERO, &SystemClock).is_some());
    }

    #[test]
    fn work_that_hangs_is_left_when_the_reporter_stops() {
        let desk = Arc::new(Desk::default());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        assert_eq!(desk.wait_for(&clock, || 7), Some(7));
        desk.stop(Duration::from_millis(10));
        let (release, hang) = std::sync::mpsc::channel::<()>();
        assert_eq!(desk.wait_for(&clock, move || hang.recv().is_ok()), None);
        drop(release);
        assert_eq!(desk.wait_for(&clock, || 7), None, "nothing more is waited for");
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
