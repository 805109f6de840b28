//! A clock that does not wait: time jumps to where the next sleeper wants to be woken.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use apptuit_metrics::{Clock, ManualClock};
use apptuit_model::Timestamp;

/// How often a sleeper looks whether it was woken by something else than time.
const LOOK: Duration = Duration::from_millis(1);
/// The real time a test waits for its threads to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);
/// The looks after which nothing has happened for that long.
const PATIENT_LOOKS: u128 = PATIENCE.as_millis() / LOOK.as_millis();

/// A clock on which nobody waits.
///
/// Its time moves in two ways. [`advance`](Self::advance) moves it at once. And whenever *every*
/// thread that uses the clock sleeps on it, it jumps to the earliest instant at which one of them
/// wants to go on: a retry's pause or a reporter's interval takes no real time, and what happens
/// happens in the order it would happen in the world.
///
/// The thread that makes the clock is the one that drives: while it does not sleep, time stands
/// still. It sleeps in [`pass`](Self::pass), and in a call of its own that retries. Other threads
/// count from their first sleep on this clock until they end.
///
/// Clones show the same time. It starts at zero, and at the epoch.
///
/// ```
/// use std::time::Duration;
///
/// use apptuit::metrics::Clock;
/// use apptuit::testing::SimulatedClock;
///
/// let clock = SimulatedClock::new();
/// let sleeper = std::thread::spawn({
///     let clock = clock.clone();
///     move || clock.sleep(Duration::from_hours(2))
/// });
/// clock.pass(Duration::from_hours(3));
/// sleeper.join().unwrap();
/// assert_eq!(clock.now(), Duration::from_hours(3));
/// ```
#[derive(Clone)]
pub struct SimulatedClock(Arc<Inner>);

struct Inner {
    time: ManualClock,
    driver: ThreadId,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Threads other than the driver that have slept here and live.
    workers: usize,
    sleepers: BTreeMap<u64, Sleeper>,
    /// Grows whenever a thread goes to sleep or ends: what it did before may have woken others.
    round: u64,
}

struct Sleeper {
    until: Duration,
    /// The round in which it last saw that it was not woken.
    seen: u64,
    drives: bool,
}

thread_local! {
    /// The clocks this thread counts on as a worker.
    static MEMBERSHIPS: RefCell<Vec<Membership>> = const { RefCell::new(Vec::new()) };
}

/// A worker that lives.
struct Membership(SimulatedClock);

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.workers -= 1;
        state.round += 1;
        self.0.0.changed.notify_all();
    }
}

impl SimulatedClock {
    /// A clock at zero, driven by this thread.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            time: ManualClock::new(),
            driver: thread::current().id(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// Moves time by `span` at once, without waiting for the threads that this wakes.
    pub fn advance(&self, span: Duration) {
        let mut state = self.lock();
        self.0.time.advance(span);
        self.wake_due(&mut state);
    }

    /// Sets the date; no time passes.
    pub fn set_timestamp(&self, timestamp: Timestamp) {
        self.0.time.set_timestamp(timestamp);
    }

    /// The threads other than the driver that have slept on this clock and live.
    pub fn workers(&self) -> usize {
        self.lock().workers
    }

    /// Lets `span` pass, and everything happen that other threads do in it.
    ///
    /// It begins when there is at least one such thread; a test with several waits until
    /// [`workers`](Self::workers) counts all of them.
    ///
    /// # Panics
    ///
    /// No other thread sleeps on this clock, or one that did neither sleeps nor ends, for half a
    /// minute of real time; or this is not the thread that made the clock.
    pub fn pass(&self, span: Duration) {
        assert!(self.is_driver(), "time passes only on the thread that made the clock");
        let state = self.lock();
        let waited = self.0.changed.wait_timeout_while(state, PATIENCE, |state| state.workers == 0);
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        assert!(
            !timeout.timed_out(),
            "no other thread sleeps on this clock: `advance` moves it without one"
        );
        self.sleep(span);
    }

    /// Sleeps for `span` of this clock's time.
    pub fn sleep(&self, span: Duration) {
        if !span.is_zero() {
            self.sleep_unless(span, None);
        }
    }

    fn is_driver(&self) -> bool {
        thread::current().id() == self.0.driver
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts this thread as a worker, if it is new here.
    fn join(&self) {
        MEMBERSHIPS.with_borrow_mut(|members| {
            if members.iter().all(|member| !Arc::ptr_eq(&member.0.0, &self.0)) {
                self.lock().workers += 1;
                self.0.changed.notify_all();
                members.push(Membership(self.clone()));
            }
        });
    }

    /// Lets time jump, if everybody sleeps and nobody was woken.
    fn jump(&self, state: &mut State) {
        let round = state.round;
        let rest = state.sleepers.values().all(|sleeper| sleeper.seen >= round)
            && state.sleepers.values().any(|sleeper| sleeper.drives)
            && state.sleepers.len() == state.workers + 1;
        let next = state.sleepers.values().map(|sleeper| sleeper.until).min();
        if let (true, Some(next)) = (rest, next) {
            self.0.time.advance(next.saturating_sub(self.0.time.now()));
            self.wake_due(state);
        }
    }

    /// Wakes who is due; the driver last, so that it finds done what was to be done by then.
    fn wake_due(&self, state: &mut State) {
        let now = self.0.time.now();
        let due = |sleeper: &Sleeper| sleeper.until <= now;
        let others = state.sleepers.values().any(|sleeper| due(sleeper) && !sleeper.drives);
        state.sleepers.retain(|_, sleeper| !due(sleeper) || (others && sleeper.drives));
        self.0.changed.notify_all();
    }

    /// Sleeps for `span`, unless `is_woken` says that there is a reason to go on before. Whether
    /// there was.
    fn sleep_unless(&self, span: Duration, is_woken: Option<&dyn Fn() -> bool>) -> bool {
        if !self.is_driver() {
            self.join();
        } else if self.lock().workers == 0 {
            self.advance(span);
            return is_woken.is_some_and(|is_woken| is_woken());
        }
        let mut state = self.lock();
        state.round += 1;
        let me = state.round;
        let until = self.now().saturating_add(span);
        // Who cannot be woken need not be asked each time.
        let seen = if is_woken.is_some() { 0 } else { u64::MAX };
        state.sleepers.insert(me, Sleeper { until, seen, drives: self.is_driver() });
        self.0.changed.notify_all();
        let (mut last_seen, mut looks) = ((0, Duration::ZERO), 0);
        loop {
            let round = state.round;
            if let Some(is_woken) = is_woken {
                drop(state);
                let woken = is_woken();
                state = self.lock();
                if woken {
                    state.sleepers.remove(&me);
                    return true;
                }
            }
            match state.sleepers.get_mut(&me) {
                Some(sleeper) => sleeper.seen = sleeper.seen.max(round),
                None => return false,
            }
            self.jump(&mut state);
            if state.sleepers.contains_key(&me) && state.round == round {
                let seen = (round, self.now());
                looks = if seen == last_seen { looks + 1 } else { 0 };
                last_seen = seen;
                assert!(
                    !self.is_driver() || looks < PATIENT_LOOKS,
                    "a thread that has slept on this clock does something else without an end"
                );
                let waited = self.0.changed.wait_timeout(state, LOOK);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Duration {
        self.0.time.now()
    }

    fn timestamp(&self) -> Timestamp {
        self.0.time.timestamp()
    }

    fn pause(&self, span: Duration, wait: &dyn Fn(Duration) -> bool) -> bool {
        let is_woken = || wait(Duration::ZERO);
        if !self.is_driver() {
            self.join();
        }
        if is_woken() {
            return true;
        }
        if span.is_zero() {
            return false;
        }
        self.sleep_unless(span, Some(&is_woken))
    }
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedClock")
            .field("now", &self.now())
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}
