//! What instruments ask of a process that forks.
//!
//! A fork copies locks as they are, and of all threads only the one that forks. A lock that another
//! thread holds at that moment is held in the child for ever. What threads share without being asked
//! to record anything, as when they end, is kept still by [`hold`]; that no other thread is inside a
//! call of a registry or an instrument is for the program to see to.

use crate::lane::{self, Held};

/// Keeps what all threads share as it is until it is dropped, by the thread that made it: in the
/// parent and in the child.
#[must_use = "dropping it lets threads go on"]
#[derive(Debug)]
pub struct Hold {
    _held: Held,
}

/// Waits until no thread takes or returns what all of them share, and holds them off.
///
/// ```
/// let hold = apptuit_metrics::fork::hold();
/// // Here the process forks.
/// drop(hold);
/// ```
pub fn hold() -> Hold {
    Hold { _held: lane::hold() }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use crate::Registry;

    #[test]
    fn a_thread_that_ends_waits_until_the_fork_is_over() {
        let counter = Registry::new().counter("c");
        let (sender, counted) = channel();
        let (go, may_end) = channel::<()>();
        let thread = std::thread::spawn(move || {
            counter.inc();
            sender.send(()).expect("the test listens");
            may_end.recv().expect("the test speaks");
        });
        counted.recv().expect("it counts");
        let hold = super::hold();
        go.send(()).expect("it listens");
        // Only who joins a thread waits until what is its own has been dropped.
        let (sender, ended) = channel();
        let joins = std::thread::spawn(move || sender.send(thread.join().is_ok()));
        let early = ended.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "it returns its lane first");
        drop(hold);
        assert_eq!(ended.recv(), Ok(true));
        joins.join().expect("no panic").expect("the test listens");
    }
}
