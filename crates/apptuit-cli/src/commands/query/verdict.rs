//! `apptuit query --check --jsonl`

use std::collections::BTreeMap;
use std::io::{BufRead, stdin};

use apptuit_query::{check, expand};
use serde_json::{Value, json};

use crate::args::Query;
use crate::failure::Failure;
use crate::output::{self, talk};

/// A verdict for each line of standard input: an object of JSON, as the line itself is one.
pub(super) fn each(args: &Query, variables: &BTreeMap<String, String>) -> Result<(), Failure> {
    if args.text.as_deref().is_some_and(|text| text != "-") {
        return Err(Failure::usage("with --jsonl the queries come from standard input"));
    }
    let (mut good, mut bad) = (0, 0);
    for (n, line) in stdin().lock().split(b'\n').enumerate() {
        let line =
            line.map_err(|error| Failure::new(format_args!("cannot read the queries: {error}")))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (id, wrong) = verdict(&line, n + 1, variables);
        output::print(&match &wrong {
            None => format!("{{\"id\":{id},\"ok\":true}}\n"),
            Some(members) => format!("{{\"id\":{id},\"ok\":false,{members}}}\n"),
        })?;
        *if wrong.is_none() { &mut good } else { &mut bad } += 1;
    }
    if bad > 0 {
        return Err(Failure::new(format_args!(
            "{bad} of {} queries are not well formed",
            good + bad
        )));
    }
    talk(format_args!("{good} of {good} queries are well formed"));
    Ok(())
}

/// The id as the line gives it; and what is wrong, as the members of a server's error.
fn verdict(
    line: &[u8],
    number: usize,
    variables: &BTreeMap<String, String>,
) -> (Value, Option<String>) {
    let mut object: Value = serde_json::from_slice(line).unwrap_or_default();
    let id = object.get_mut("id").map(Value::take).unwrap_or_default();
    let Some(text) = object.get("query").and_then(Value::as_str) else {
        let message = format!("line {number} is no object with a string `query`");
        return (id, Some(members("ERROR_INVALID_REQUEST", &message, 1, -1)));
    };
    let wrong = check(&expand(text, variables)).err().map(|error| {
        let column = i64::try_from(error.column()).unwrap_or(-1);
        members(error.error_type(), &error.message(), error.line(), column)
    });
    (id, wrong)
}

fn members(kind: &str, message: &str, line: usize, column: i64) -> String {
    let message = json!(message);
    format!(
        "\"errorType\":\"{kind}\",\"message\":{message},\
         \"queryLineNo\":{line},\"queryColumnOffset\":{column}"
    )
}
