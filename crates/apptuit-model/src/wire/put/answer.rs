//! What a service says of the points it was sent.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::json::push_string;
use crate::wire::number::{parse_tolerantly, push_u64, scalar_text};

/// How many points of a body were kept, and why others were not.
///
/// ```
/// use apptuit_model::wire::PutAnswer;
///
/// let answer = PutAnswer::decode(br#"{"success":1,"failed":0,"errors":[]}"#);
/// assert_eq!(answer.map(|answer| answer.success), Some(1));
/// assert_eq!(PutAnswer::decode(b"<html>"), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutAnswer {
    /// Points kept.
    pub success: u64,
    /// Points refused.
    pub failed: u64,
    /// Which were refused, as far as the service tells.
    pub errors: Vec<PointError>,
}

/// A point that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointError {
    /// Where in the body it is, from 0; not every service tells.
    pub index: Option<usize>,
    /// The point's JSON, `null` if the service does not tell it.
    pub datapoint: String,
    /// The service's reason.
    pub error: String,
}

impl PutAnswer {
    /// The answer's JSON.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::from("{\"success\":");
        push_u64(&mut out, self.success);
        out.push_str(",\"failed\":");
        push_u64(&mut out, self.failed);
        out.push_str(",\"errors\":[");
        for (n, error) in self.errors.iter().enumerate() {
            out.push_str(if n == 0 { "{" } else { ",{" });
            error.push_members(&mut out);
            out.push('}');
        }
        out.push_str("]}");
        out.into_bytes()
    }

    /// Reads an answer leniently: `None` unless it is an object that has `success`, `failed` and
    /// `errors`. `errors` may be null, and an error anything.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        parse_tolerantly(text, |text| decode_text(text).ok_or(())).ok()
    }
}

impl PointError {
    fn push_members(&self, out: &mut String) {
        if let Some(index) = self.index {
            out.push_str("\"index\":");
            push_u64(out, index as u64);
            out.push(',');
        }
        out.push_str("\"datapoint\":");
        // Whatever it holds, the answer stays JSON.
        if serde_json::from_str::<IgnoredAny>(&self.datapoint).is_ok() {
            out.push_str(&self.datapoint);
        } else {
            push_string(out, &self.datapoint);
        }
        out.push_str(",\"error\":");
        push_string(out, &self.error);
    }

    fn from_json(raw: &RawValue) -> Self {
        let Ok(members) = serde_json::from_str::<HashMap<String, &RawValue>>(raw.get()) else {
            return Self { index: None, datapoint: "null".to_owned(), error: text_of(raw) };
        };
        let member = |name| members.get(name).copied();
        Self {
            index: member("index").and_then(|index| index.get().parse().ok()),
            datapoint: member("datapoint").map_or("null", RawValue::get).to_owned(),
            error: member("error").map_or_else(|| raw.get().to_owned(), text_of),
        }
    }
}

fn decode_text(text: &str) -> Option<PutAnswer> {
    let members: HashMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let number = |name| members.get(name)?.get().parse().ok();
    let errors: Option<Vec<&RawValue>> = serde_json::from_str(members.get("errors")?.get()).ok()?;
    let errors = errors.unwrap_or_default().into_iter().map(PointError::from_json).collect();
    Some(PutAnswer { success: number("success")?, failed: number("failed")?, errors })
}

fn text_of(raw: &RawValue) -> String {
    scalar_text(raw).unwrap_or_else(|| raw.get().to_owned())
}
