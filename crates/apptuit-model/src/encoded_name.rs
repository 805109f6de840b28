//! Tags inside a plain name, `metric{"tag": "value"}`, and out again.
//!
//! For registries whose names are plain text. The tags are JSON as Python's `json.dumps` writes it
//! with sorted keys, so that one series has one text in every language.

mod object;

use crate::json::push_string;
use crate::{NameError, Tags, TimeSeriesName};

/// One string that holds a metric and its tags.
///
/// The metric stands as it is; one with a `{` of its own cannot be decoded again.
///
/// ```
/// use apptuit_model::{Tags, encode_metric};
///
/// let tags = Tags::from([("type", "idle"), ("host", "a")]);
/// assert_eq!(encode_metric("node.cpu", &tags), r#"node.cpu{"host": "a", "type": "idle"}"#);
/// ```
pub fn encode_metric(metric: &str, tags: &Tags) -> String {
    encode_sorted(metric, tags.iter())
}

/// The same, of tags that are not collected: pairs in order of their keys, each of which is there
/// once.
pub fn encode_sorted<'a>(metric: &str, tags: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    // Enough for three or four tags.
    let mut out = String::with_capacity(metric.len() + 96);
    out.push_str(metric);
    out.push('{');
    for (n, (key, value)) in tags.enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        push_string(&mut out, key);
        out.push_str(": ");
        push_string(&mut out, value);
    }
    out.push('}');
    out
}

/// The metric and the tags inside a string.
///
/// The metric is what stands before the first `{`, without blanks around it; it may be empty. Tag
/// values that are numbers or booleans become their JSON text; of two equal keys the later wins.
///
/// ```
/// use apptuit_model::{TimeSeriesName, decode_metric};
///
/// let name = decode_metric(r#"node.cpu {"cpu": 1}"#)?;
/// assert_eq!(name, TimeSeriesName::from(("node.cpu", [("cpu", "1")])));
/// # Ok::<(), apptuit_model::NameError>(())
/// ```
///
/// # Errors
///
/// The string is empty, or the text from the first `{` is not a JSON object of scalars; null and
/// containers are refused with their key named.
pub fn decode_metric(encoded: &str) -> Result<TimeSeriesName, NameError> {
    if encoded.is_empty() {
        return Err(NameError::EmptyMetric);
    }
    let Some(brace) = encoded.find('{') else {
        return Ok(TimeSeriesName::from(encoded.trim()));
    };
    let (metric, json) = encoded.split_at(brace);
    match object::parse(json) {
        Ok(members) => {
            Ok(TimeSeriesName::new(metric.trim(), members.into_iter().collect::<Tags>()))
        }
        Err(reason) => Err(NameError::InvalidEncodedName { name: encoded.to_owned(), reason }),
    }
}
