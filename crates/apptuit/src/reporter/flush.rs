//! Everything out, now, as far as the time goes.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use apptuit_metrics::{Clock, SystemClock};

use super::desk::{self, left};
use super::outbox::{Outbox, Replayed, Trip};
use super::report::Occasion;
use super::{Ledger, Shared};
use crate::client::Interrupt;

/// What a flush came to: all that was recorded before is delivered, waits, or is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Points the server has acknowledged since the flush began.
    pub delivered: u64,
    /// Points that wait on disk now, those of processes that are gone among them.
    pub spooled: u64,
    /// Points that wait in memory now.
    pub queued: u64,
    /// Points that were dropped since the flush began; the [`Ledger`] knows why.
    pub dropped: u64,
}

impl FlushReport {
    /// Whether nothing waits any more and nothing was dropped.
    pub fn is_complete(&self) -> bool {
        self.spooled + self.queued + self.dropped == 0
    }
}

/// Reports, and sends what waits, on a thread of its own: the time is kept whatever the sink does.
pub(super) fn flush(shared: &Arc<Shared>, timeout: Duration) -> FlushReport {
    let before = shared.report.outbox.books().ledger();
    let (sender, done) = sync_channel(1);
    let interrupt = Interrupt::new();
    let (flushed, stop) = (Arc::clone(shared), interrupt.clone());
    let deadline = SystemClock.now().saturating_add(timeout);
    let clock = &shared.report.clock;
    let thread = desk::spawn("apptuit-flush", clock, move || {
        send_all(&flushed, deadline, &stop);
        // The other end is gone if it took too long.
        let _ = sender.send(());
    });
    if thread.is_ok() {
        let _ = desk::receive(&done, &**clock, timeout);
    }
    interrupt.trigger();
    outcome(shared, &before)
}

fn send_all(shared: &Shared, deadline: Duration, interrupt: &Interrupt) {
    let trip = Trip { deadline, interrupt, desk: None };
    // Its failures went to `on_error`, and what failed waits.
    let _ = shared.report(shared.report.subject(), Occasion::Asked, &trip);
    let (outbox, clock) = (&shared.report.outbox, &*shared.report.clock);
    send_waiting(outbox, clock, deadline, interrupt, || shared.replay(&trip));
}

/// Lets `replay` send what waits until nothing does, in the pace the server keeps, or until
/// `deadline` on the system's clock.
pub(super) fn send_waiting(
    outbox: &Outbox,
    clock: &dyn Clock,
    deadline: Duration,
    interrupt: &Interrupt,
    mut replay: impl FnMut() -> Replayed,
) {
    loop {
        match replay() {
            Replayed::Nothing => return,
            Replayed::Settled { .. } => {}
            Replayed::Failed(_) => {
                let Some(next) = outbox.next_replay() else { return };
                let pause = next.saturating_sub(clock.now());
                // A pause that leaves no time for a try would only delay the bad news.
                if pause >= left(deadline) || interrupt.wait_by(clock, pause) {
                    return;
                }
            }
        }
        if left(deadline).is_zero() {
            return;
        }
    }
}

fn outcome(shared: &Shared, before: &Ledger) -> FlushReport {
    let outbox = &shared.report.outbox;
    let now = outbox.books().ledger();
    let (spooled, _) = outbox.points_waiting();
    FlushReport {
        delivered: now.delivered().saturating_sub(before.delivered()),
        spooled,
        queued: now.queued(),
        dropped: now.dropped().saturating_sub(before.dropped()),
    }
}
