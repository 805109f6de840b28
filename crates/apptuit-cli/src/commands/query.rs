//! `apptuit query`

mod verdict;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, stdin};

use apptuit::{QueryResult, TimeRange, Timestamp};
use apptuit_query::QueryError;

use super::{client_of, duration, explain};
use crate::args::{Format, FormatOrText, Query};
use crate::failure::Failure;
use crate::output::{self, Screen, talk};

/// Asks, and prints the answer; or checks the query, or lays it out.
pub(crate) fn run(args: &Query) -> Result<(), Failure> {
    let variables: BTreeMap<String, String> = args.variables.iter().cloned().collect();
    if args.jsonl {
        return verdict::each(args, &variables);
    }
    let (format, text) = what(args)?;
    let text = apptuit_query::expand(&text, &variables);
    if format == Format::Query {
        let query = apptuit_query::parse(&text).map_err(|error| wrong(&error))?;
        return output::print(&query.laid_out());
    }
    // Checked here first: this way the place of a mistake is shown with a caret, and no server is
    // needed to find it.
    apptuit_query::check(&text).map_err(|error| wrong(&error))?;
    if args.check {
        talk(format_args!("the query is well formed"));
        return Ok(());
    }
    let range = range_of(args)?;
    let client = client_of(&args.target)?.build().map_err(Failure::new)?;
    let failed = |error: apptuit::Error| match error.query_position() {
        Some((line, column)) => in_the_text(&error, &text, line, column),
        None => explain(&error, &args.target),
    };
    if args.explain {
        return output::print(&client.explain(&text, range).map_err(failed)?);
    }
    let result = client.query(&text, range).map_err(failed)?;
    if result.is_empty() {
        talk(format_args!("no points"));
    }
    for hint in result.hints() {
        talk(format_args!("hint: {hint}"));
    }
    let data = match format {
        _ if args.plot => plots(&result),
        Format::Csv => output::csv(&result),
        Format::Json => output::json(&result),
        Format::Table | Format::Query => output::table(&result),
    };
    output::print(&data)
}

/// What to print, and the text of the query.
fn what(args: &Query) -> Result<(Format, String), Failure> {
    match (&args.format, &args.text) {
        (FormatOrText::Format(format), text) => Ok((*format, text_of(text.as_deref())?)),
        (FormatOrText::Text(text), None) => Ok((Format::Query, text_of(Some(text))?)),
        (FormatOrText::Text(text), Some(_)) => Err(Failure::usage(format_args!(
            "`{text}` is no format: expected `table`, `csv`, `json` or `query`"
        ))),
    }
}

fn wrong(error: &QueryError) -> Failure {
    let failure = Failure::new(error);
    match error.template_variable() {
        Some(name) => failure.hint(format_args!("`--var {name}=VALUE` gives it a value")),
        None => failure,
    }
}

/// A plot an output.
pub(super) fn plots(result: &QueryResult) -> String {
    let screen = Screen::detect();
    let plot = |output: &apptuit::Output| {
        output::plot(output.id(), &output.series().iter().collect::<Vec<_>>(), screen)
    };
    result.iter().map(plot).collect::<Vec<_>>().join("\n")
}

fn text_of(text: Option<&str>) -> Result<String, Failure> {
    match text {
        Some(text) if text != "-" => return Ok(text.to_owned()),
        None if stdin().is_terminal() => {
            return Err(Failure::usage("there is no query: give it as an argument"));
        }
        _ => {}
    }
    let mut text = String::new();
    stdin()
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

/// The server's message with the place it means, and its advice.
fn in_the_text(error: &apptuit::Error, text: &str, line: usize, column: Option<usize>) -> Failure {
    let message = error.to_string();
    // The place is shown in the text instead.
    let message = message.rsplit_once(", at line ").map_or(&*message, |(what, _)| what);
    let failure = Failure::new(with_caret(message, text, line, column));
    error.hints().iter().fold(failure, Failure::hint)
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
