//! One file a command, named like it.

pub(crate) mod demo;
pub(crate) mod query;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod spool;
pub(crate) mod store;

use std::fs;
use std::time::Duration;

use apptuit::{Client, ClientBuilder, RetryPolicy};
use apptuit_model::Step;
use apptuit_model::wire::{DecodedPut, PutBodyError, decode_points};

use crate::args::Target;
use crate::failure::Failure;
use crate::output::talk;

/// The points that a line of a file is JSON of, or what is wrong with it.
fn points_of_line(text: &[u8]) -> Result<DecodedPut, String> {
    decode_points(text, usize::MAX).map_err(|error| match error {
        PutBodyError::Malformed { reason, .. } => {
            // A line of the file is the whole text that was parsed.
            format!("no JSON of points: {}", reason.replace(" at line 1 column ", " at column "))
        }
        other => other.to_string(),
    })
}

/// What a server without tokens is told; it accepts any.
const NO_TOKEN: &str = "none";

/// A client of the server that the flags name.
fn client_of(target: &Target) -> Result<ClientBuilder, Failure> {
    let builder = Client::builder()
        .endpoint(&target.endpoint)
        .retry(RetryPolicy::exponential(target.retries))
        .timeout(Duration::from_mins(5))
        .on_warning(|warning| talk(format_args!("warning: {warning}")));
    if let Some(file) = &target.token_file {
        let token = fs::read_to_string(file).map_err(|error| {
            Failure::new(format_args!("cannot read the token in `{}`: {error}", file.display()))
        })?;
        if token.trim().is_empty() {
            let file = file.display();
            return Err(Failure::new(format_args!("there is no token in `{file}`")));
        }
        return Ok(builder.token(token.trim()));
    }
    Ok(if has_token() { builder } else { builder.token(NO_TOKEN) })
}

/// Set but empty counts as missing, as it does for the client.
fn has_token() -> bool {
    let names = ["APPTUIT_API_TOKEN", "APPTUIT_PY_TOKEN"];
    names.iter().filter_map(std::env::var_os).any(|token| !token.is_empty())
}

/// A span of time as a flag gives it.
fn duration(step: Step) -> Duration {
    Duration::from_millis(step.as_millis().unsigned_abs())
}

/// A client's error, with what the reader could do about it.
fn explain(error: &apptuit::Error, target: &Target) -> Failure {
    let failure = Failure::new(error);
    match error.kind() {
        apptuit::ErrorKind::Unreachable => failure.hint(format_args!(
            "is a server running at `{}`? `apptuit serve` starts one",
            target.endpoint
        )),
        apptuit::ErrorKind::Unauthorized => failure.hint(if target.token_file.is_some() {
            "the server does not know the token of --token-file"
        } else if has_token() {
            "the server does not know the token of APPTUIT_API_TOKEN"
        } else {
            "set APPTUIT_API_TOKEN, or name a file with --token-file"
        }),
        _ => failure,
    }
}
