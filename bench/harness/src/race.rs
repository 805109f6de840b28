//! Operations of nanoseconds, by threads that contend.

use std::sync::atomic::AtomicUsize;
use std::thread;
use std::time::Instant;

use crate::crew::{Crew, Loop};
use crate::{Cost, Effort, Pair, machine};

/// Of a row's samples, at most this many times as many as are needed are drawn.
const TRIES: usize = 20;

impl Effort {
    /// Lets `threads` threads run each side in turn: nanoseconds per operation and thread.
    ///
    /// What an operation is handed counts up, from another number in each thread. Each thread has a
    /// processor of its own and lives as long as the row. A sample counts only if all threads
    /// really ran at once: without overlap there is no contention. Where threads may
    /// [share](crate::Table::aside) processors, and must, the figure is processor time, and every
    /// sample counts.
    ///
    /// # Errors
    ///
    /// There are too few processors, or too few samples that count.
    pub fn race(
        &self,
        threads: usize,
        ours: impl Fn(usize) + Sync,
        peer: impl Fn(usize) + Sync,
    ) -> Result<Pair, String> {
        let processors = machine::processors().len();
        let shared = threads > processors;
        if shared && !self.may_share {
            return Err(format!("needs {threads} processors, has {processors}"));
        }
        let (ours, peer) = (repeated(&ours), repeated(&peer));
        let line = AtomicUsize::new(0);
        thread::scope(|scope| {
            let mut crew = Crew::start(scope, threads, &line);
            self.alternate(&mut crew, [&ours, &peer], shared)
        })
    }

    fn alternate<'a>(
        &self,
        crew: &mut Crew<'a>,
        sides: [Loop<'a>; 2],
        shared: bool,
    ) -> Result<Pair, String> {
        let rounds = if crew.len() == 1 { self.rounds } else { self.contended_rounds };
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
        Ok(Pair { remark, ..Pair::medians(Cost::Nanos, ours, peer) })
    }
}

fn repeated(operation: &(impl Fn(usize) + Sync)) -> impl Fn(usize, usize) + Sync {
    move |first, count| (first..first + count).for_each(operation)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn threads_that_must_share_a_processor_are_not_said_to_contend() {
        machine::pin(0);
        let nothing = |n| {
            black_box(n);
        };
        let refused = Effort::QUICK.race(2, nothing, nothing).map(|pair| pair.ratio());
        assert_eq!(refused, Err("needs 2 processors, has 1".into()));
        let may_share = Effort { may_share: true, ..Effort::QUICK };
        assert!(may_share.race(2, nothing, nothing).is_ok());
    }
}
