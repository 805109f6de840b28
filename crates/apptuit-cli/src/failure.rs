//! What went wrong, as a person reads it.

use std::fmt;
use std::process::ExitCode;

use crate::output::talk;

/// A message, hints that may help, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hints: Vec<String>,
    code: u8,
}

impl Failure {
    /// Something failed: exit code 1.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hints: Vec::new(), code: 1 }
    }

    /// The command line made no sense: exit code 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// Adds what the reader could try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// Says it on standard error, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        talk(format_args!("error: {}", self.message));
        for hint in &self.hints {
            talk(format_args!("hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}
