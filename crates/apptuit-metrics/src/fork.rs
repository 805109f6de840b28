//! What instruments ask of a process that forks.
//!
//! A fork copies locks as they are, and of all threads only the one that forks. A lock that another
//! thread holds at that moment is held in the child for ever. A thread that ends gives back what it had
//! of what all share, without being asked for anything; [`hold`] keeps it from that. That no other
//! thread is inside a call of a registry or an instrument is for the program to see to.

use crate::lane::{self, Held};

/// Holds off threads that end until it is dropped, by the thread that made it: in the parent and in
/// the child. Threads that go on may use instruments meanwhile, and may even have to, for what a
/// program does before it forks may wait for them.
#[must_use = "dropping it lets threads end"]
#[derive(Debug)]
pub struct Hold {
    _held: Held,
}

/// Waits until no thread is about to end, and holds off those that come to it.
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

    #[test]
    fn threads_that_go_on_may_use_instruments_before_the_fork() {
        let hold = super::hold();
        let (sender, counted) = channel();
        let thread = std::thread::spawn(move || {
            let counter = Registry::new().counter("c");
            counter.inc();
            sender.send(counter.count()).expect("the test listens");
        });
        assert_eq!(counted.recv_timeout(Duration::from_secs(30)), Ok(1));
        drop(hold);
        thread.join().expect("no panic");
    }
}
