//! Data to standard output, talk to standard error.

mod canvas;
mod number;
mod plot;
mod series;
mod time;

pub(crate) use plot::plot;
pub(crate) use series::{csv, json, table};
pub(crate) use time::instant;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::failure::Failure;

/// Says a line to the person, on standard error.
#[expect(clippy::print_stderr, reason = "the one place where the command talks")]
pub(crate) fn talk(line: fmt::Arguments<'_>) {
    eprintln!("{}", escaped(&line.to_string(), |c| c.is_control() && c != '\n'));
}

/// Text that came from elsewhere, with what would steer a terminal written out: `\u{1b}`.
pub(crate) fn printable(text: impl fmt::Display) -> String {
    escaped(&text.to_string(), char::is_control)
}

fn escaped(text: &str, is_dangerous: impl Fn(char) -> bool) -> String {
    let escape = |c: char| {
        if is_dangerous(c) { c.escape_default().to_string() } else { c.to_string() }
    };
    text.chars().map(escape).collect()
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(n: u64, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// How wide and high a plot may be, and whether it may have colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) colours: bool,
}

impl Screen {
    /// The terminal's, or a plain 80 columns where the output goes elsewhere.
    pub(crate) fn detect() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
        let is_terminal = io::stdout().is_terminal();
        let width = number("COLUMNS").unwrap_or(if is_terminal { 100 } else { 80 });
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { width: width.clamp(40, 240), height: 13, colours: is_terminal && !no_colour }
    }
}

/// Writes data to standard output, in one go.
pub(crate) fn print(data: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(data.as_bytes()).and_then(|()| out.flush()) {
        // A closed pipe is a reader who has seen enough, and no failure.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format_args!("writing the output failed: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_written_out() {
        assert_eq!(printable("a\u{1b}[31m\nb é"), "a\\u{1b}[31m\\nb é");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows"]);
    }
}
