//! Requests that the thread which waits for them may give up.
//!
//! A socket comes back now and then while its thread watches, and when a signal's handler has run. To
//! resolve a name and to connect cannot be given up, so such a request uses a kept connection or none.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use ureq::Error;
use ureq::unversioned::transport::{ConnectionDetails, Connector, Transport};

/// The longest time a socket waits before it is asked whether to go on.
const SLICE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy)]
struct Watch {
    is_over: fn() -> bool,
    /// Whether a connection was asked for that is not there.
    is_refused: bool,
}

thread_local! {
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
}

/// What `call` makes of a kept connection; `None` if it needs another.
pub(super) fn on_kept<R>(is_over: fn() -> bool, call: impl FnOnce() -> R) -> Option<R> {
    let _restored = Restored(WATCH.replace(Some(Watch { is_over, is_refused: false })));
    let result = call();
    let is_refused = WATCH.get().is_some_and(|watch| watch.is_refused);
    (!is_refused).then_some(result)
}

/// What is asked may itself send something.
struct Restored(Option<Watch>);

impl Drop for Restored {
    fn drop(&mut self) {
        WATCH.set(self.0);
    }
}

/// Whether this thread watches what it waits for.
pub(super) fn is_on() -> bool {
    WATCH.get().is_some()
}

/// The time to wait before it is looked how much is left.
pub(super) fn slice(left: Option<Duration>) -> Option<Duration> {
    if is_on() { Some(left.map_or(SLICE, |left| left.min(SLICE))) } else { left }
}

/// An error if nobody waits for the answer any more.
pub(super) fn check() -> io::Result<()> {
    if WATCH.get().is_some_and(|watch| (watch.is_over)()) {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "the wait for it was given up"));
    }
    Ok(())
}

/// Makes no connection for a thread that watches.
#[derive(Debug)]
pub(super) struct KeptOnly;

impl<In: Transport> Connector<In> for KeptOnly {
    type Out = In;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<In>, Error> {
        match WATCH.get() {
            None => Ok(chained),
            Some(watch) => {
                WATCH.set(Some(Watch { is_refused: true, ..watch }));
                Err(Error::ConnectionFailed)
            }
        }
    }
}
