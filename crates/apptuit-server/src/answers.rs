//! What became of appends, on its way from the thread that writes to the tasks that wait for it.
//!
//! That thread answers a whole group at a time. To wake a task costs it a system call wherever no
//! worker is awake, or gets a worker to take its place; so it wakes one, which wakes the others
//! from where they run.

use std::sync::OnceLock;

use apptuit_store::{Answer, Kept, StoreError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

/// What became of an append.
pub(crate) type Outcome = Result<Kept, StoreError>;
type Told = (oneshot::Sender<Outcome>, Outcome);

/// Answers that are taken together.
const TOGETHER: usize = 64;

/// The way of answers to those who wait for them.
#[derive(Debug, Default)]
pub(crate) struct Answers(OnceLock<UnboundedSender<Told>>);

impl Answers {
    /// An answer to be given to a store, and where it is to be had. To be called by a task.
    pub(crate) fn expect(&self) -> (Answer, oneshot::Receiver<Outcome>) {
        let way = self.0.get_or_init(|| {
            let (way, told) = unbounded_channel();
            tokio::spawn(pass_on(told));
            way
        });
        let (way, (waiting, outcome)) = (way.clone(), oneshot::channel());
        let answer = Box::new(move |kept| {
            // Once the server has ended nobody waits.
            let _ = way.send((waiting, kept));
        });
        (answer, outcome)
    }
}

async fn pass_on(mut told: UnboundedReceiver<Told>) {
    let mut some = Vec::with_capacity(TOGETHER);
    while told.recv_many(&mut some, TOGETHER).await > 0 {
        for (waiting, outcome) in some.drain(..) {
            // Who has left need not be told.
            let _ = waiting.send(outcome);
        }
    }
}
