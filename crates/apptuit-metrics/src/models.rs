//! Models of what runs without a lock, checked by loom: in every order in which threads may run that
//! takes at most two preemptions, which is where nearly all mistakes show.
//!
//! `scripts/test` runs them, with `--cfg loom` and a folder of their own, because all is built anew.

use loom::sync::Arc;
use loom::thread;

use crate::lane::{CellId, Lanes};
use crate::recorder::{RING, Recorder};
use crate::sync::{AtomicU64, Ordering, fence};
use crate::totals::Totals;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(2);
    checker.check(model);
}

/// What an owner and a reader share.
struct Shared {
    recorder: Recorder,
    interval: AtomicU64,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self { recorder: Recorder::new(), interval: AtomicU64::new(0) })
    }

    /// Records as an instrument does.
    fn record(&self, values: impl IntoIterator<Item = f64>) {
        for value in values {
            if !self.recorder.push(value) {
                self.recorder.attend(value, 0, 0, RING as u64, |recorder| {
                    recorder.fold(&self.interval, |_, _| {});
                });
            }
        }
    }

    /// All values of an interval, as a reader knows them that `took` some before.
    fn read(&self, took: &mut Totals, interval: u64) -> Totals {
        let taken = self.recorder.read(interval);
        took.merge(&Totals::of(taken.batch.values()));
        let mut all = taken.folded;
        all.merge(took);
        all
    }

    /// Ends an interval and returns what was recorded in it.
    fn end_interval(&self, took: &mut Totals, interval: u64) -> Totals {
        self.interval.store(interval + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let all = self.read(took, interval);
        *took = Totals::default();
        all
    }
}

/// Sums of these tell which of them were added: each at most once.
const VALUES: [f64; 3] = [1.0, 10.0, 100.0];

/// Whether some totals are those of the first so many values, each of them once.
fn is_a_beginning(totals: &Totals) -> bool {
    let first = usize::try_from(totals.count).expect("few");
    VALUES.get(..first).is_some_and(|first| totals.sum == first.iter().sum::<f64>())
}

#[test]
fn a_reader_sees_every_value_once_and_in_order() {
    check(|| {
        let shared = Shared::new();
        let owner = Arc::clone(&shared);
        let owner = thread::spawn(move || owner.record(VALUES));
        let mut took = Totals::default();
        let early = shared.read(&mut took, 0);
        assert!(is_a_beginning(&early), "{early:?}");
        let later = shared.read(&mut took, 0);
        assert!(is_a_beginning(&later) && later.count >= early.count, "{early:?} {later:?}");
        owner.join().expect("the owner does not panic");
        let all = shared.read(&mut took, 0);
        assert!(is_a_beginning(&all) && all.count == 3, "{all:?}");
        assert_eq!((all.min, all.max), (1.0, 100.0));
    });
}

#[test]
fn a_value_counts_in_one_interval() {
    check(|| {
        let shared = Shared::new();
        let owner = Arc::clone(&shared);
        let owner = thread::spawn(move || owner.record(VALUES));
        let mut took = Totals::default();
        let first = shared.end_interval(&mut took, 0);
        owner.join().expect("the owner does not panic");
        let mut all = first;
        all.merge(&shared.end_interval(&mut took, 1));
        assert!(all.count == 3 && all.sum == VALUES.iter().sum::<f64>(), "{first:?} {all:?}");
    });
}

#[test]
fn a_set_of_totals_is_used_again_two_intervals_later() {
    check(|| {
        let shared = Shared::new();
        shared.record([0.5; RING + 1]);
        let mut took = Totals::default();
        let mut all = shared.end_interval(&mut took, 0);
        assert_eq!(all.count, RING as u64 + 1);
        let owner = Arc::clone(&shared);
        let owner = thread::spawn(move || owner.record([0.5; RING + 1]));
        all.merge(&shared.end_interval(&mut took, 1));
        all.merge(&shared.end_interval(&mut took, 2));
        owner.join().expect("the owner does not panic");
        all.merge(&shared.end_interval(&mut took, 3));
        assert_eq!(all.count, 2 * (RING as u64 + 1));
    });
}

#[test]
fn a_lane_that_changes_hands_loses_nothing() {
    check(|| {
        let lanes: &'static Lanes = Box::leak(Box::default());
        let id = CellId::lease();
        let add = move || {
            let lane = lanes.lease();
            lane.add(id, 1);
            lane.add(id, 1);
            lanes.give_back(lane);
        };
        let other = thread::spawn(add);
        add();
        let seen = lanes.sum(id);
        assert!((2..=4).contains(&seen), "{seen}");
        other.join().expect("the other does not panic");
        assert_eq!(lanes.sum(id), 4);
        id.give_back();
    });
}
