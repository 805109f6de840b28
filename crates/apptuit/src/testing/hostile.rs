//! What the fuzzers of this project reach and users do not. No part of the API.

use apptuit_model::Tags;

use crate::{Result, client, reporter};

/// The tags of a text such as that of `APPTUIT_TAGS`.
///
/// # Errors
///
/// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the text is malformed.
pub fn environment_tags(text: &str) -> Result<Tags> {
    client::environment::parse_tags("APPTUIT_TAGS", text)
}

/// A file of a spool, written again from what is read of it.
///
/// # Errors
///
/// What is wrong with it.
pub fn spool_file(file: &[u8]) -> Result<Vec<u8>, String> {
    reporter::rewritten_spool_file(file).map_err(|damage| damage.to_string())
}
