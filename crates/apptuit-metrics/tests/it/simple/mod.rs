//! The whole path against the simple version of it, on random sequences of operations.

mod model;
mod same;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use apptuit_metrics::Kind;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use world::World;

/// Something a program does.
#[derive(Clone, Debug)]
enum Operation {
    /// Asks for an instrument by name, uses it, and keeps the handle if it is told to.
    Ask {
        kind: Kind,
        name: usize,
        way: Way,
        act: Act,
        keep: bool,
    },
    /// Uses a handle that was kept; whatever became of its instrument.
    Use {
        handle: usize,
        act: Act,
    },
    /// Drops a handle that was kept.
    Drop {
        handle: usize,
    },
    /// Starts a measurement.
    Start {
        name: usize,
    },
    /// Ends one.
    Stop {
        running: usize,
    },
    Remove {
        name: usize,
        way: Way,
    },
    Clear,
    Dump,
    Report,
    /// Lets so many seconds pass; or sets the clock back.
    Pass(i64),
}

/// How an instrument is named.
#[derive(Clone, Copy, Debug)]
enum Way {
    Name,
    Pairs,
    Key,
    Macro,
}

/// What is done to an instrument; numbers are used as its kind can.
#[derive(Clone, Debug)]
enum Act {
    Record(Vec<f64>),
    Clear,
    Read,
}

fn act() -> impl Strategy<Value = Act> {
    let whole = (-1000..1000_i32).prop_map(f64::from);
    let value = prop_oneof![
        6 => whole,
        3 => -1e6..1e6_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e100]),
    ];
    prop_oneof![8 => vec(value, 1..20).prop_map(Act::Record), 1 => Just(Act::Clear), 2 => Just(Act::Read)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let kinds = vec![Kind::Counter, Kind::Histogram, Kind::Meter, Kind::Timer, Kind::Gauge];
    let ways = vec![Way::Name, Way::Pairs, Way::Key, Way::Macro];
    let (kind, way) = (prop::sample::select(kinds), prop::sample::select(ways));
    let (name, nth) = (0..world::NAMES.len(), any::<prop::sample::Index>());
    let nth = nth.prop_map(|index| index.index(1000));
    prop_oneof![
        12 => (kind, name.clone(), way.clone(), act(), any::<bool>())
            .prop_map(|(kind, name, way, act, keep)| Operation::Ask { kind, name, way, act, keep }),
        8 => (nth.clone(), act()).prop_map(|(handle, act)| Operation::Use { handle, act }),
        1 => nth.clone().prop_map(|handle| Operation::Drop { handle }),
        2 => name.clone().prop_map(|name| Operation::Start { name }),
        2 => nth.prop_map(|running| Operation::Stop { running }),
        2 => (name, way).prop_map(|(name, way)| Operation::Remove { name, way }),
        1 => Just(Operation::Clear),
        4 => Just(Operation::Dump),
        3 => Just(Operation::Report),
        5 => (0..400_i64).prop_map(Operation::Pass),
        1 => (-60..0_i64).prop_map(Operation::Pass),
    ]
}

proptest! {
    #[test]
    fn the_registry_does_what_its_simple_version_does(
        operations in vec(operation(), 1..60),
        per_report in any::<bool>(),
    ) {
        let mut world = World::new(per_report);
        for operation in &operations {
            world.run(operation);
        }
        world.run(&Operation::Dump);
        world.run(&Operation::Report);
    }
}

/// The same operations from many threads that are all alive, one after the other: who does what is
/// no matter. (The clock is not turned back: what came last is said by the clock, not by the order
/// of threads.)
#[test]
fn a_registry_passed_from_thread_to_thread_does_the_same() {
    let mut runner = TestRunner::deterministic();
    for round in 0..20 * crate::effort() {
        let operations = vec(operation(), 60).new_tree(&mut runner).expect("a sequence").current();
        let operations: Vec<_> =
            operations.into_iter().filter(|it| !matches!(it, Operation::Pass(..0))).collect();
        let world = Mutex::new(World::new(round % 2 == 0));
        let parts = operations.chunks(5);
        let (end, turn) = (Barrier::new(parts.len()), AtomicUsize::new(0));
        thread::scope(|scope| {
            for (n, part) in parts.enumerate() {
                let (world, end, turn) = (&world, &end, &turn);
                scope.spawn(move || {
                    while turn.load(Ordering::Acquire) != n {
                        thread::yield_now();
                    }
                    let work = || {
                        let mut world = world.lock().expect("earlier threads did well");
                        for operation in part {
                            world.run(operation);
                        }
                    };
                    let result = catch_unwind(AssertUnwindSafe(work));
                    turn.store(n + 1, Ordering::Release);
                    // Nobody ends before all have begun, so that each has a place of its own.
                    end.wait();
                    result.map_err(resume_unwind)
                });
            }
        });
        world.into_inner().expect("all threads did well").run(&Operation::Report);
    }
}

fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.abs().min(1e9))
}
