//! What happens to failures nobody asked to be told of.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apptuit_metrics::Clock;

use crate::Error;

const QUIET: Duration = Duration::from_secs(10);

/// Writes failures to standard error, and counts those it keeps quiet about.
pub(super) struct StderrHandler {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_line: Option<Duration>,
    kept_quiet: u64,
}

impl StderrHandler {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    pub(super) fn handle(&self, error: &Error) {
        if let Some(line) = self.line(error) {
            #[expect(clippy::print_stderr, reason = "the documented default of `on_error`")]
            {
                eprintln!("{line}");
            }
        }
    }

    /// The line to write now, if one is due.
    fn line(&self, error: &Error) -> Option<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if state.last_line.is_some_and(|last| now.saturating_sub(last) < QUIET) {
            state.kept_quiet += 1;
            return None;
        }
        state.last_line = Some(now);
        let more = match std::mem::take(&mut state.kept_quiet) {
            0 => String::new(),
            n => format!(" (and {n} failures since the last message)"),
        };
        Some(format!("apptuit reporter: {error}{more}"))
    }
}

#[cfg(test)]
mod tests {
    use apptuit_metrics::ManualClock;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_line_comes_at_most_every_ten_seconds_and_counts_the_others() {
        let clock = ManualClock::new();
        let handler = StderrHandler::new(Arc::new(clock.clone()));
        let line = || handler.line(&Error::new(ErrorKind::Server, "down"));
        assert_eq!(line().as_deref(), Some("apptuit reporter: down"));
        assert_eq!((line(), line()), (None, None));
        clock.advance(QUIET);
        let expected = "apptuit reporter: down (and 2 failures since the last message)";
        assert_eq!(line().as_deref(), Some(expected));
    }
}
