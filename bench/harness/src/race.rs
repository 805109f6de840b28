//! Operations of nanoseconds, by threads that contend.

use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Instant;

use crate::crew::{Crew, Loop};
use crate::{Effort, Pair, machine};

/// Of a row's samples, at most this many times as many as are needed are drawn.
const TRIES: usize = 20;

impl Effort {
    /// Lets `threads` threads run each side in turn: nanoseconds per operation and thread.
    ///
    /// What an operation is handed counts up, from another number in each thread. Each thread has a
    /// processor of its own and lives as long as the row. A sample counts only if all threads
    /// really ran at once: without overlap there is no contention. Threads beyond the number of
    /// processors share them; then the figure is processor time, and every sample counts.
    ///
    /// # Errors
    ///
    /// Why there are too few samples that count.
    pub fn race(
        &self,
        threads: usize,
        ours: impl Fn(usize) + Sync,
        peer: impl Fn(usize) + Sync,
    ) -> Result<Pair, String> {
        let sides: [Loop<'_>; 2] =
            [&|first, count| (first..first + count).for_each(&ours), &|first, count| {
                (first..first + count).for_each(&peer)
            }];
        let line = AtomicUsize::new(0);
        thread::scope(|scope| {
            let mut crew = Crew::start(scope, threads, &line);
            self.alternate(&mut crew, sides)
        })
    }

    fn alternate<'a>(&self, crew: &mut Crew<'a>, sides: [Loop<'a>; 2]) -> Result<Pair, String> {
        let threads = crew.len();
        let shared = threads > machine::processors().len();
        let rounds = if threads == 1 { self.rounds } else { self.contended_rounds };
        let counts = sides.map(|side| crew.calibrate(side, self.sample));
        let (mut samples, mut tries, mut dropped) = ([const { Vec::new() }; 2], 0, [0, 0]);
        let start = Instant::now();
        'rounds: for _ in 0..rounds {
            for (side, samples) in samples.iter_mut().enumerate() {
                loop {
                    if tries == rounds * 2 * TRIES || start.elapsed() > self.patience {
                        break 'rounds;
                    }
                    tries += 1;
                    let heat = crew.run(sides[side], counts[side]);
                    if shared || heat.is_undisturbed() {
                        let nanos = if shared { heat.processor_nanos() } else { heat.nanos() };
                        samples.push(nanos / counts[side] as f64);
                        break;
                    }
                    dropped[side] += 1;
                }
            }
        }
        let [ours, peer] = &mut samples;
        let remark =
            format!("dropped {} samples of ours and {} of the peer's", dropped[0], dropped[1]);
        if peer.len() < rounds.div_ceil(3) {
            return Err(format!("{remark}: the threads had no processor to themselves"));
        }
        let remark = (dropped != [0, 0]).then_some(remark);
        Ok(Pair { remark, ..Pair::nanos(ours, peer) })
    }
}
