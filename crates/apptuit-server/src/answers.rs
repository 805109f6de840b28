//! What became of appends, on its way from the thread that writes to the tasks that wait for it.
//!
//! That thread tells of a whole group at a time, and to wake a task of another thread costs it a system
//! call. So it wakes one task of each loop, which wakes the others from where they run.

use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use apptuit_store::{Answer, Kept, StoreError};
use tokio::sync::oneshot;

/// What became of an append.
pub(crate) type Outcome = Result<Kept, StoreError>;
/// Who waits, and what is to be told.
type Told = (oneshot::Sender<Outcome>, Outcome);

/// The way of answers to the tasks of one loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers(Arc<Mutex<Way>>);

#[derive(Debug, Default)]
struct Way {
    told: Vec<Told>,
    /// The task that passes on, while it waits.
    idle: Option<Waker>,
}

impl Answers {
    /// An answer to be given to a store that goes to `waiting`, to be had by a task of the loop.
    pub(crate) fn answer(&self, waiting: oneshot::Sender<Outcome>) -> Answer {
        let way = Arc::clone(&self.0);
        Box::new(move |kept| {
            let mut way = lock(&way);
            way.told.push((waiting, kept));
            let idle = way.idle.take();
            drop(way);
            if let Some(task) = idle {
                task.wake();
            }
        })
    }

    /// Passes answers on, for as long as the loop runs it.
    pub(crate) async fn pass_on(self) {
        let mut some = Vec::new();
        loop {
            poll_fn(|context| self.next(&mut some, context)).await;
            for (waiting, outcome) in some.drain(..) {
                // Who has left need not be told.
                let _ = waiting.send(outcome);
            }
        }
    }

    fn next(&self, some: &mut Vec<Told>, context: &mut Context<'_>) -> Poll<()> {
        let mut way = lock(&self.0);
        if way.told.is_empty() {
            way.idle = Some(context.waker().clone());
            return Poll::Pending;
        }
        mem::swap(&mut way.told, some);
        Poll::Ready(())
    }
}

fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}
