//! What became of appends, on its way from the thread that writes to the tasks that wait for it.
//!
//! That thread tells of a whole group at a time. To wake a task costs it a system call, and a worker
//! that is faster than it sleeps again before it hears of the next. So it wakes one task when all are
//! told, which wakes the others from where they run.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use apptuit_store::{Answer, Kept, StoreError};
use tokio::sync::oneshot;

/// What became of an append.
pub(crate) type Outcome = Result<Kept, StoreError>;
/// Who waits, and what is to be told.
type Told = (oneshot::Sender<Outcome>, Outcome);

/// The way of answers to those who wait for them.
#[derive(Debug, Default)]
pub(crate) struct Answers(OnceLock<Arc<Mutex<Way>>>);

#[derive(Debug, Default)]
struct Way {
    told: Vec<Told>,
    /// The task that passes on, while it waits.
    idle: Option<Waker>,
}

impl Answers {
    /// An answer to be given to a store, and where it is to be had. To be called by a task.
    pub(crate) fn expect(&self) -> (Answer, oneshot::Receiver<Outcome>) {
        let way = self.0.get_or_init(|| {
            let way = Arc::default();
            tokio::spawn(pass_on(Arc::clone(&way)));
            way
        });
        let (way, (waiting, outcome)) = (Arc::clone(way), oneshot::channel());
        let answer = Box::new(move |kept| {
            let mut way = lock(&way);
            way.told.push((waiting, kept));
            way.idle.take()
        });
        (answer, outcome)
    }
}

/// Runs for as long as the runtime.
async fn pass_on(way: Arc<Mutex<Way>>) {
    let mut some = Vec::new();
    let next = |some: &mut Vec<Told>, context: &mut Context<'_>| {
        let mut way = lock(&way);
        if way.told.is_empty() {
            way.idle = Some(context.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut way.told, some);
        Poll::Ready(())
    };
    loop {
        poll_fn(|context| next(&mut some, context)).await;
        for (waiting, outcome) in some.drain(..) {
            // Who has left need not be told.
            let _ = waiting.send(outcome);
        }
    }
}

fn lock(way: &Mutex<Way>) -> MutexGuard<'_, Way> {
    way.lock().unwrap_or_else(PoisonError::into_inner)
}
