//! Threads that run one loop at one time.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use crate::machine;

/// A heat is undisturbed if each thread had its processor for this share of the time …
const RUNNING: f64 = 0.97;
/// … and all ran at once for this share.
const OVERLAP: f64 = 0.90;
/// How often a thread that waits for the others looks before it lets others run.
const LOOKS: u32 = 10_000;
/// How far apart the numbers are that the threads count from.
const APART: usize = 7919;

/// Runs an operation for as many numbers from the first as are told.
pub(crate) type Loop<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// Threads that wait for a loop to run, each on its processor while there are enough.
pub(crate) struct Crew<'a> {
    orders: Vec<Sender<(Loop<'a>, usize)>>,
    laps: Receiver<Lap>,
}

impl<'a> Crew<'a> {
    /// Starts `threads` threads, which end when this is dropped. They meet at `line`, which begins
    /// at zero.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        threads: usize,
        line: &'scope AtomicUsize,
    ) -> Self
    where
        'a: 'scope,
    {
        let (report, laps) = mpsc::channel();
        let orders = (0..threads).map(|thread| {
            let (order, orders) = mpsc::channel::<(Loop<'a>, usize)>();
            let report = report.clone();
            scope.spawn(move || {
                // A thread that panics must not leave the others waiting.
                let _abort = AbortOnPanic;
                machine::pin(thread);
                for (turn, (run, count)) in (1..).zip(orders) {
                    wait(line, turn * threads);
                    let lap = Lap::of(|| run(thread * APART, count));
                    if report.send(lap).is_err() {
                        break;
                    }
                }
            });
            order
        });
        Self { orders: orders.collect(), laps }
    }

    /// The number of threads.
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// Lets every thread run the loop at once.
    pub(crate) fn run(&mut self, run: Loop<'a>, count: usize) -> Heat {
        for order in &self.orders {
            order.send((run, count)).expect("a thread lives as long as it gets orders");
        }
        let laps = self.orders.iter().map(|_| self.laps.recv());
        Heat(laps.collect::<Result<_, _>>().expect("a thread reports every lap"))
    }

    /// How many operations take about as long as `sample`, after the caches know them.
    pub(crate) fn calibrate(&mut self, run: Loop<'a>, sample: Duration) -> usize {
        let sample = sample.as_nanos() as f64;
        let mut count = 64;
        loop {
            let nanos = self.run(run, count).processor_nanos();
            if nanos > sample / 2.0 {
                return ((count as f64 * sample / nanos) as usize).max(1);
            }
            assert!(count < 1 << 40, "an operation that costs nothing was optimised away");
            count *= 2;
        }
    }
}

/// Waits until `all` threads have come to the line.
fn wait(line: &AtomicUsize, all: usize) {
    line.fetch_add(1, Ordering::AcqRel);
    let mut looks = 0;
    while line.load(Ordering::Acquire) < all {
        looks += 1;
        if looks % LOOKS == 0 {
            thread::yield_now();
        }
        hint::spin_loop();
    }
}

/// What all threads did with one loop.
pub(crate) struct Heat(Vec<Lap>);

impl Heat {
    /// How long a thread took, on average.
    pub(crate) fn nanos(&self) -> f64 {
        self.mean(Lap::wall)
    }

    /// For how long a thread had a processor, on average.
    pub(crate) fn processor_nanos(&self) -> f64 {
        self.mean(|lap| lap.processor)
    }

    fn mean(&self, time: impl Fn(&Lap) -> Duration) -> f64 {
        let sum: Duration = self.0.iter().map(time).sum();
        sum.as_nanos() as f64 / self.0.len() as f64
    }

    /// Whether each thread had its processor to itself, and all ran at once.
    pub(crate) fn is_undisturbed(&self) -> bool {
        let ran = |lap: &Lap| lap.processor.as_secs_f64() >= RUNNING * lap.wall().as_secs_f64();
        let together = Lap {
            start: self.0.iter().map(|lap| lap.start).max().expect("a crew has threads"),
            end: self.0.iter().map(|lap| lap.end).min().expect("a crew has threads"),
            processor: Duration::ZERO,
        };
        let longest = self.0.iter().map(Lap::wall).max().expect("a crew has threads");
        self.0.iter().all(ran) && together.wall().as_secs_f64() >= OVERLAP * longest.as_secs_f64()
    }
}

/// What one thread did with one loop.
struct Lap {
    start: Instant,
    end: Instant,
    /// For how long the thread had a processor.
    processor: Duration,
}

impl Lap {
    fn of(run: impl FnOnce()) -> Self {
        let (before, start) = (machine::processor_time(), Instant::now());
        run();
        let end = Instant::now();
        Self { start, end, processor: machine::processor_time().saturating_sub(before) }
    }

    fn wall(&self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heat(laps: &[(u64, u64, u64)]) -> Heat {
        let zero = Instant::now();
        let millis = Duration::from_millis;
        let lap = |&(start, end, processor): &(u64, u64, u64)| Lap {
            start: zero + millis(start),
            end: zero + millis(end),
            processor: millis(processor),
        };
        Heat(laps.iter().map(lap).collect())
    }

    #[test]
    fn a_heat_counts_only_if_all_threads_ran_at_once() {
        assert!(heat(&[(0, 1000, 970), (0, 1000, 1000)]).is_undisturbed());
        assert!(!heat(&[(0, 1000, 969), (0, 1000, 1000)]).is_undisturbed(), "one was displaced");
        assert!(heat(&[(0, 950, 950), (50, 1000, 950)]).is_undisturbed());
        assert!(!heat(&[(0, 900, 900), (100, 1000, 900)]).is_undisturbed(), "they ran apart");
        assert!(!heat(&[(0, 10, 10), (20, 30, 10)]).is_undisturbed(), "they ran in turn");
        assert_eq!(heat(&[(0, 10, 10), (0, 30, 30)]).nanos(), 20e6);
    }

    #[test]
    fn a_crew_runs_all_numbers_in_every_thread() {
        let (line, sum) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let add = |first, count| {
            sum.fetch_add((first..first + count).sum(), Ordering::Relaxed);
        };
        thread::scope(|scope| {
            let mut crew = Crew::start(scope, 3, &line);
            crew.run(&add, 2);
            crew.run(&add, 0);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 2 * (APART + 2 * APART) + 3);
    }
}
