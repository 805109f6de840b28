//! Event loops: threads that speak HTTP, each for connections of its own.
//!
//! A connection stays with the loop that it was given to: loops that shared their work would wake each
//! other for it. Large bodies and queries are the work of other threads anyway.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::time::interval;

use crate::answers::Answers;

/// Tasks that are run before a loop looks for what has arrived in the meantime: few, so that the next
/// requests join a commit while the answers to others are still being sent.
const TASKS_AT_A_TIME: u32 = 8;
/// How often a loop's clock ticks, for nothing but to be the next timer to end: one that would end
/// before it wakes the loop at the price of a system call, and a connection sets one after each answer.
const TICK: Duration = Duration::from_secs(1);

/// Threads that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Loops {
    all: Vec<Loop>,
    next: usize,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) handle: Handle,
    /// The way of answers to its tasks.
    pub(crate) answers: Answers,
    /// Ends it by being dropped.
    _end: oneshot::Sender<()>,
}

impl Loops {
    /// Starts a loop for each processor. Each may have so many threads besides for what blocks.
    pub(crate) fn start(max_blocking_threads: usize) -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let start = |_| {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .event_interval(TASKS_AT_A_TIME)
                .max_blocking_threads(max_blocking_threads)
                .thread_name("apptuit-work")
                .build()?;
            Loop::start(runtime)
        };
        Ok(Self { all: (0..count).map(start).collect::<io::Result<_>>()?, next: 0 })
    }

    /// The loop whose turn it is to get a connection.
    pub(crate) fn next(&mut self) -> &Loop {
        self.next = (self.next + 1) % self.all.len();
        &self.all[self.next]
    }
}

impl Loop {
    fn start(runtime: Runtime) -> io::Result<Self> {
        let (end, ended) = oneshot::channel::<()>();
        let (handle, answers) = (runtime.handle().clone(), Answers::default());
        handle.spawn(answers.clone().pass_on());
        handle.spawn(async {
            let mut clock = interval(TICK);
            loop {
                clock.tick().await;
            }
        });
        thread::Builder::new().name("apptuit-http".to_owned()).spawn(move || {
            // Nothing is ever sent: the other side is dropped.
            let _ = runtime.block_on(ended);
            // What still blocks a thread has nobody to answer.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, answers, _end: end })
    }
}
