//! What waits for the writer: points, and other work on the file.
//!
//! While a commit is synced the next group gathers by itself. Where very many small appends are under
//! way at one time that is not enough: whoever comes first would have a sync to itself, while the
//! others are still on their way, and processors would rest while all wait for one sync. So a group
//! waits, for a moment, until about a third of those who lately came together are there again: while
//! one third is synced, another is answered and a third asks anew. `commit_delay` of
//! `PostgreSQL` is alike.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::commit::Writer;
use crate::{Answer, IdempotencyKey, Points, StoreError};

/// The most appends of one commit.
const GROUP_APPENDS: usize = 64;
/// The most bytes of one commit, unless one append has more.
const GROUP_BYTES: usize = 4 << 20;
/// How long a group waits for those who are likely to come.
const GATHERING: Duration = Duration::from_micros(400);
/// A group that is likely to have fewer appends does not wait: they would save little.
const GATHERED: usize = 4;

/// Work on the file other than to append to it.
pub(super) type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// Points to keep.
pub(super) struct Append {
    pub(super) points: Points,
    pub(super) key: Option<IdempotencyKey>,
    pub(super) answer: Answer,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append").field("points", &self.points.len()).finish_non_exhaustive()
    }
}

impl Append {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.points.bytes()
    }
}

/// What the writer does next.
pub(super) struct Turn {
    /// Appends to commit together; may be none.
    pub(super) appends: Vec<Append>,
    pub(super) job: Option<Job>,
}

/// Appends and jobs in the order in which they came, bounded in bytes.
#[derive(Debug)]
pub(super) struct Queue {
    max_bytes: usize,
    gathering: Duration,
    state: Mutex<State>,
    /// What the writer waits for came, or the queue was closed.
    work: Condvar,
    /// Appends were taken, or the queue was closed.
    room: Condvar,
}

#[derive(Default)]
struct State {
    appends: VecDeque<Append>,
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    /// How many appends the writer waits for; 0 while it works. To wake it costs a system call, even
    /// where it is awake.
    awaited: usize,
    /// Appends of the last group.
    last_group: usize,
    /// Appends that lately were under way at one time: those of two groups, one after the other.
    crowd: usize,
    /// Appends that wait for room.
    waiting: usize,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("appends", &self.appends.len())
            .field("jobs", &self.jobs.len())
            .field("bytes", &self.bytes)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl State {
    /// That there are so many appends, or other reasons not to wait for them.
    fn is_there(&self, appends: usize) -> bool {
        self.appends.len() >= appends
            || self.bytes >= GROUP_BYTES
            || !self.jobs.is_empty()
            || self.closed
    }

    /// Notes how many appends a group has.
    fn count(&mut self, group: usize) {
        if group > 0 {
            let fading = self.crowd - self.crowd.div_ceil(8);
            self.crowd = fading.max(self.last_group + group);
            self.last_group = group;
        }
    }
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        let (state, work, room) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { max_bytes, gathering: GATHERING, state, work, room }
    }

    /// Adds an append, after waiting for room for at most `patience`.
    pub(super) fn append(&self, append: Append, patience: Duration) -> Result<(), StoreError> {
        let bytes = append.bytes();
        let mut state = self.state();
        // One that is larger than all there may be has its turn when nothing else waits.
        let full = |state: &mut State| {
            !state.closed && state.bytes > 0 && state.bytes + bytes > self.max_bytes
        };
        if full(&mut state) {
            state.waiting += 1;
            let waited = self.room.wait_timeout_while(state, patience, full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        if state.closed {
            return Err(StoreError::Closed);
        }
        if full(&mut state) {
            return Err(StoreError::Busy);
        }
        state.bytes += bytes;
        state.appends.push_back(append);
        self.wake(state);
        Ok(())
    }

    /// Adds a job; `false` if the queue is closed.
    pub(super) fn job(&self, job: Job) -> bool {
        let mut state = self.state();
        if !state.closed {
            state.jobs.push_back(job);
            self.wake(state);
            return true;
        }
        false
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if state.awaited > 0 && state.is_there(state.awaited) {
            state.awaited = 0;
            drop(state);
            self.work.notify_one();
        }
    }

    /// Waits for work; `None` once the queue is closed and all that came before is taken.
    pub(super) fn take(&self) -> Option<Turn> {
        let mut state = self.state();
        let likely = state.crowd.div_ceil(3).min(GROUP_APPENDS);
        if likely >= GATHERED {
            state.awaited = likely;
            let is_missing = |state: &mut State| !state.is_there(likely);
            let waited = self.work.wait_timeout_while(state, self.gathering, is_missing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.awaited = 1;
        let waited = self.work.wait_while(state, |state| !state.is_there(1));
        state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.appends.is_empty() && state.jobs.is_empty() {
            return None;
        }
        state.awaited = 0;
        let (mut appends, mut bytes) = (Vec::new(), 0);
        while appends.len() < GROUP_APPENDS
            && let Some(next) = state.appends.front()
            && (appends.is_empty() || bytes + next.bytes() <= GROUP_BYTES)
        {
            bytes += next.bytes();
            appends.extend(state.appends.pop_front());
        }
        state.bytes -= bytes;
        state.count(appends.len());
        let turn = Turn { appends, job: state.jobs.pop_front() };
        let waiting = state.waiting > 0;
        drop(state);
        if waiting {
            self.room.notify_all();
        }
        Some(turn)
    }

    /// Lets nothing in any more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Drops whatever waits, so that those who do learn that nobody will answer.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.closed = true;
        let dropped = (std::mem::take(&mut state.appends), std::mem::take(&mut state.jobs));
        state.bytes = 0;
        drop(state);
        drop(dropped);
        self.room.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use apptuit_model::Timestamp;

    use super::*;
    use crate::SeriesId;

    fn append(points: usize) -> Append {
        let mut columns = Points::default();
        for _ in 0..points {
            columns.push(SeriesId::new(1), Timestamp::from_secs(1), 1.0);
        }
        Append { points: columns, key: None, answer: Box::new(|_| {}) }
    }

    #[test]
    fn a_group_ends_at_its_bounds() {
        let queue = Queue::new(usize::MAX);
        for _ in 0..=GROUP_APPENDS {
            queue.append(append(1), Duration::ZERO).unwrap();
        }
        assert_eq!(queue.take().map(|turn| turn.appends.len()), Some(GROUP_APPENDS));
        assert_eq!(queue.take().map(|turn| turn.appends.len()), Some(1));
        for points in [10, GROUP_BYTES / 10, 10] {
            queue.append(append(points), Duration::ZERO).unwrap();
        }
        for expected in [1, 1, 1] {
            assert_eq!(queue.take().map(|turn| turn.appends.len()), Some(expected));
        }
    }

    #[test]
    fn a_group_waits_for_a_third_of_a_crowd() {
        let queue = Queue { gathering: Duration::from_mins(1), ..Queue::new(usize::MAX) };
        let send =
            |count| (0..count).for_each(|_| queue.append(append(1), Duration::ZERO).unwrap());
        let taken = || queue.take().map(|turn| turn.appends.len());
        for _ in 0..2 {
            send(1);
            assert_eq!(taken(), Some(1), "whoever is alone need not wait");
        }
        for _ in 0..2 {
            send(15);
            assert_eq!(taken(), Some(15));
        }
        send(1);
        thread::scope(|scope| {
            let group = scope.spawn(taken);
            while queue.state().awaited != 10 {
                thread::yield_now();
            }
            send(8);
            assert_eq!(queue.state().awaited, 10);
            send(1);
            assert_eq!(group.join().unwrap(), Some(10));
        });
        send(1);
        assert!(queue.job(Box::new(|_| {})));
        assert_eq!(taken(), Some(1), "other work is waiting");
    }

    #[test]
    fn a_crowd_that_has_left_is_soon_not_waited_for() {
        let queue = Queue::new(usize::MAX);
        let state = &mut *queue.state();
        for group in [64, 64] {
            state.count(group);
        }
        assert_eq!(state.crowd, 128);
        let left = (0..).take_while(|_| {
            state.count(1);
            state.crowd.div_ceil(3) >= GATHERED
        });
        assert!((1..32).contains(&left.count()));
    }

    #[test]
    fn a_full_queue_is_busy_until_appends_are_taken() {
        let queue = Queue::new(3 * append(1).bytes());
        for _ in 0..3 {
            queue.append(append(1), Duration::ZERO).unwrap();
        }
        let busy = queue.append(append(1), Duration::from_millis(1));
        assert!(matches!(busy, Err(StoreError::Busy)), "{busy:?}");
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.append(append(1), Duration::from_mins(1)));
            while queue.state().waiting == 0 {
                thread::yield_now();
            }
            assert_eq!(queue.take().map(|turn| turn.appends.len()), Some(3));
            waits.join().unwrap().unwrap();
        });
        assert_eq!(queue.take().map(|turn| turn.appends.len()), Some(1));
        queue.append(append(1000), Duration::ZERO).expect("a large one goes in alone");
    }

    #[test]
    fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
        let queue = Queue::new(usize::MAX);
        queue.append(append(1), Duration::ZERO).unwrap();
        assert!(queue.job(Box::new(|_| {})));
        queue.close();
        let refused = queue.append(append(1), Duration::ZERO);
        assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
        assert!(!queue.job(Box::new(|_| {})));
        let last = queue.take().unwrap();
        assert_eq!((last.appends.len(), last.job.is_some()), (1, true));
        assert!(queue.take().is_none());
    }

    #[test]
    fn who_waits_for_an_append_that_is_dropped_is_told() {
        let queue = Queue::new(usize::MAX);
        let (answer, outcome) = mpsc::sync_channel(1);
        let answer: Answer = Box::new(move |kept| answer.send(kept).unwrap());
        queue.append(Append { answer, ..append(1) }, Duration::ZERO).unwrap();
        queue.clear();
        assert!(outcome.recv().is_err());
    }
}
