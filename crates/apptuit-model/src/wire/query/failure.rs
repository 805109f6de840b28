//! What a service says when a query fails.

use serde_json::Value;

use super::{QueryEcho, push_echo, push_list};
use crate::json::push_string;

/// Why a query failed, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryFailure {
    /// The kind of error, such as `ERROR_PARSING_QUERY`.
    pub error_type: String,
    /// What went wrong.
    pub message: String,
    /// The line of the query, from 1.
    pub line: i64,
    /// The byte in the line, from 0; -1 if it is not known.
    pub column: i64,
    /// Advice for people, which the message does not have.
    pub hints: Vec<String>,
}

impl QueryFailure {
    /// The JSON body of a failed query: an answer without outputs, and the error.
    pub fn encode(&self, echo: &QueryEcho) -> Vec<u8> {
        let mut out = String::from("{\"outputs\":[],\"hints\":[");
        push_list(&mut out, &self.hints, |out, hint| push_string(out, hint));
        out.push_str("],\"errors\":[{\"errorType\":");
        push_string(&mut out, &self.error_type);
        out.push_str(",\"message\":");
        push_string(&mut out, &self.message);
        out.push_str(",\"queryLineNo\":");
        out.push_str(itoa::Buffer::new().format(self.line));
        out.push_str(",\"queryColumnOffset\":");
        out.push_str(itoa::Buffer::new().format(self.column));
        out.push_str("}],\"query\":{");
        push_echo(&mut out, echo);
        out.push_str("}}");
        out.into_bytes()
    }

    /// Reads the first error of a body, or one that is the body itself; `None` if there is none
    /// with a type and a message. A line that is not told is 1, a column -1.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.pointer("/errors/0").unwrap_or(&body);
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| error.get(name).and_then(Value::as_i64);
        let hints = body.get("hints").and_then(Value::as_array).into_iter().flatten();
        Some(Self {
            error_type: text("errorType")?,
            message: text("message")?,
            line: number("queryLineNo").unwrap_or(1),
            column: number("queryColumnOffset").unwrap_or(-1),
            hints: hints.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

/// What the body of a failed request says went wrong: `errors[0].message` as this service writes
/// it, `error.message` as OpenTSDB does, or a `message` of the body itself.
///
/// ```
/// use apptuit_model::wire::failure_message;
///
/// let body = br#"{"error":{"code":500,"message":"the disk is full"}}"#;
/// assert_eq!(failure_message(body).as_deref(), Some("the disk is full"));
/// assert_eq!(failure_message(b"<html>"), None);
/// ```
pub fn failure_message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let said = |place| body.pointer(place).and_then(Value::as_str);
    let message = said("/errors/0/message").or_else(|| said("/error/message"));
    message.or_else(|| said("/message")).map(str::to_owned)
}
