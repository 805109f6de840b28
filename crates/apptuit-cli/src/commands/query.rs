//! `apptuit query`

use std::io::Read;

use apptuit::{QueryResult, Sanitizer, TimeRange, Timestamp};

use super::{client_of, duration, explain};
use crate::args::{Format, Query};
use crate::failure::Failure;
use crate::output::{self, Screen, talk};

/// Asks, and prints the answer.
pub(crate) fn run(args: &Query) -> Result<(), Failure> {
    let text = text_of(args)?;
    // Checked here first: this way the place of a mistake is shown with a caret, and no server is
    // needed to find it.
    apptuit_query::check(&text).map_err(Failure::new)?;
    if args.check {
        talk(format_args!("the query is well formed"));
        return Ok(());
    }
    let range = range_of(args)?;
    let client = client_of(&args.target)?.build().map_err(Failure::new)?;
    let failed = |error: apptuit::Error| match error.query_position() {
        Some((line, column)) => in_the_text(&error.to_string(), &text, line, column),
        None => explain(&error, &args.target),
    };
    if args.explain {
        return output::print(&client.explain(&text, range).map_err(failed)?);
    }
    let result = client.query(&text, range).map_err(failed)?;
    if result.is_empty() {
        talk(format_args!("no points"));
    }
    let data = match args.format {
        _ if args.plot => plots(&result),
        Format::Table => output::table(&result),
        Format::Csv => output::csv(&result),
        Format::Json => output::json(&result),
    };
    output::print(&data)
}

/// A plot an output.
pub(super) fn plots(result: &QueryResult) -> String {
    let screen = Screen::detect();
    let plot = |output: &apptuit::Output| {
        output::plot(output.id(), &output.series().iter().collect::<Vec<_>>(), screen)
    };
    result.iter().map(plot).collect::<Vec<_>>().join("\n")
}

fn text_of(args: &Query) -> Result<String, Failure> {
    if args.text != "-" {
        return Ok(args.text.clone());
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format_args!("cannot read the query: {error}")))?;
    Ok(text)
}

fn range_of(args: &Query) -> Result<TimeRange, Failure> {
    let Some(start) = &args.start else {
        return Ok(TimeRange::last(duration(args.last)));
    };
    let start = output::instant(start)?;
    let end = args.end.as_deref().map_or_else(|| Ok(Timestamp::now()), output::instant)?;
    if end < start {
        return Err(Failure::usage(format_args!(
            "the range ends at {end}, before its start {start}"
        )));
    }
    Ok(TimeRange::new(start, end))
}

/// The server's message with the place it means, and a hint where a name was cleaned.
fn in_the_text(message: &str, text: &str, line: usize, column: Option<usize>) -> Failure {
    // The place is shown in the text instead.
    let message = message.rsplit_once(", at line ").map_or(message, |(what, _)| what);
    let failure = Failure::new(with_caret(message, text, line, column));
    let metric =
        message.split_once("Requested metrics(").and_then(|(_, rest)| rest.split_once(')'));
    let Some((metric, _)) = metric else { return failure };
    let clean = Sanitizer::default().clean(metric);
    if clean == metric {
        return failure;
    }
    failure.hint(format_args!("names are cleaned when they are sent: try `{clean}`"))
}

/// The message, and the place it means in the text.
fn with_caret(message: &str, text: &str, line: usize, column: Option<usize>) -> String {
    let Some(content) = text.lines().nth(line.saturating_sub(1)) else { return message.to_owned() };
    let quoted = format!("{message}\n  line {line}: {content}");
    let Some(before) = column.and_then(|column| content.get(..column)) else { return quoted };
    let indent = format!("  line {line}: ").chars().count() + before.chars().count();
    format!("{quoted}\n{}^", " ".repeat(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place_the_server_names() {
        let shown = with_caret("unknown", "a = 1\nb = é.x()", 2, Some(7));
        assert_eq!(shown, "unknown\n  line 2: b = é.x()\n                ^");
    }

    #[test]
    fn a_place_outside_the_text_is_left_out() {
        assert_eq!(with_caret("unknown", "a", 7, Some(1)), "unknown");
        assert_eq!(with_caret("unknown", "a", 1, None), "unknown\n  line 1: a");
    }
}
