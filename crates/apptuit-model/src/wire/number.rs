//! Numbers and instants in JSON, and the tokens that are in no JSON but in many bodies.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::num::IntErrorKind;

use serde_json::value::RawValue;

use crate::Timestamp;
use crate::limits::LARGEST_SECONDS;

/// What Python's JSON writes for numbers JSON has no form for.
const BARE_TOKENS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Whole numbers below it are written digit by digit; above, their shortest form has an exponent.
const LARGEST_PLAIN: f64 = 1e15;

/// Appends a double in its shortest form, and `null` for what JSON has no form for.
pub(super) fn push_f64(out: &mut String, value: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "what is truncated is told by comparison")]
    let whole = value as i64;
    // Compared bit by bit: -0.0 is no whole number here.
    if (whole as f64).to_bits() == value.to_bits() && value.abs() < LARGEST_PLAIN {
        out.push_str(itoa::Buffer::new().format(whole));
        out.push_str(".0");
    } else if value.is_finite() {
        out.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        out.push_str("null");
    }
}

pub(super) fn push_u64(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Appends an instant so that [`timestamp_from`] reads the same one.
pub(super) fn push_timestamp(out: &mut String, timestamp: Timestamp) {
    let millis = timestamp.as_millis();
    if millis.unsigned_abs() as f64 > LARGEST_SECONDS * 1000.0 {
        // Its seconds would be read as milliseconds.
        out.push_str(itoa::Buffer::new().format(millis));
    } else if millis % 1000 == 0 {
        out.push_str(itoa::Buffer::new().format(millis / 1000));
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "{timestamp}");
    }
}

/// The text of an instant that is read as the same one: seconds, with a fraction only where there
/// is one, and beyond 10^11 of them whole milliseconds.
///
/// ```
/// use apptuit_model::{Timestamp, wire};
///
/// assert_eq!(wire::timestamp_text(Timestamp::from_millis(60_250)), "60.25");
/// assert_eq!(wire::timestamp_text(Timestamp::MAX), "9223372036854775807");
/// ```
pub fn timestamp_text(timestamp: Timestamp) -> String {
    let mut text = String::new();
    push_timestamp(&mut text, timestamp);
    text
}

/// The instant of a number's text; `None` if it is no number, or beyond the ends of time.
pub(super) fn timestamp_from(text: &str) -> Option<Timestamp> {
    // Whole numbers do not pass through a double, which has 53 bits only.
    match text.parse::<i64>() {
        Ok(whole) => Some(timestamp_from_whole(whole)),
        Err(error)
            if matches!(error.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) =>
        {
            None
        }
        Err(_) => Timestamp::from_number(text.parse().ok()?),
    }
}

/// The instant of a whole number: seconds, or above 10^11 milliseconds.
pub(super) fn timestamp_from_whole(number: i64) -> Timestamp {
    if number.unsigned_abs() as f64 > LARGEST_SECONDS {
        Timestamp::from_millis(number)
    } else {
        Timestamp::from_secs(number)
    }
}

/// The text of a JSON scalar: a string's content, a number's or a boolean's JSON; `None` for the rest.
pub(super) fn scalar_text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'n' | b'[' | b'{' => None,
        _ => Some(raw.get().to_owned()),
    }
}

/// Parses a body with `parse`; if that fails, once more with bare `NaN`, `Infinity` and `-Infinity`
/// made strings.
pub(super) fn parse_tolerantly<T, E>(
    body: &str,
    mut parse: impl FnMut(&str) -> Result<T, E>,
) -> Result<T, E> {
    parse(body).or_else(|error| match quote_bare_tokens(body) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(quoted) => parse(&quoted),
    })
}

/// The token that the text begins with.
pub(super) fn bare_token(text: &str) -> Option<&'static str> {
    BARE_TOKENS.into_iter().find(|token| text.starts_with(token))
}

/// Puts quotes around bare tokens outside strings.
pub(super) fn quote_bare_tokens(body: &str) -> Cow<'_, str> {
    let (mut out, mut copied) = (String::new(), 0);
    let (mut in_string, mut at) = (false, 0);
    let bytes = body.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let mut length = 1;
        match byte {
            b'\\' if in_string => length = 2,
            b'"' => in_string = !in_string,
            b'N' | b'I' | b'-' if !in_string => {
                if let Some(token) = bare_token(&body[at..]) {
                    length = token.len();
                    out.push_str(&body[copied..at]);
                    out.extend(["\"", token, "\""]);
                    copied = at + length;
                }
            }
            _ => {}
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(body);
    }
    out.push_str(&body[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_tokens_are_quoted_outside_strings_only() {
        let quoted = quote_bare_tokens(r#"[NaN,"NaN \" -Infinity",-Infinity,-1,Infinity]"#);
        assert_eq!(quoted, r#"["NaN","NaN \" -Infinity","-Infinity",-1,"Infinity"]"#);
        assert!(matches!(quote_bare_tokens(r#"["NaN",-1]"#), Cow::Borrowed(_)));
    }

    #[test]
    fn doubles_are_shortest_and_always_look_like_doubles() {
        let print = |value| {
            let mut out = String::new();
            push_f64(&mut out, value);
            out
        };
        assert_eq!(print(3.0), "3.0");
        assert_eq!(print(-0.0), "-0.0");
        assert_eq!(print(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(print(f64::NAN), "null");
        assert_eq!(print(f64::INFINITY), "null");
        assert_eq!(print(1e300).parse(), Ok(1e300));
        assert_eq!(print(5e-324).parse(), Ok(5e-324));
    }

    #[test]
    fn whole_numbers_read_back_as_the_same_bits() {
        let edges = [0.0, -0.0, 1.0, 1e15, 1e16, 9_007_199_254_740_993.0, 1e18, 1e19, f64::MAX];
        let near = edges.into_iter().flat_map(|edge| [edge.next_down(), edge, edge.next_up()]);
        for value in near.flat_map(|value| [value, -value]).filter(|value| value.is_finite()) {
            let mut out = String::new();
            push_f64(&mut out, value);
            let read: serde_json::Number = serde_json::from_str(&out).expect("JSON");
            assert!(read.is_f64(), "{out}");
            assert_eq!(out.parse().map(f64::to_bits), Ok(value.to_bits()), "{out}");
        }
    }

    #[test]
    fn instants_whose_seconds_would_read_as_milliseconds_are_written_in_milliseconds() {
        for millis in [100_000_000_000_000, 100_000_000_000_001, i64::MAX, i64::MIN, 1, -1, 0] {
            let mut out = String::new();
            push_timestamp(&mut out, Timestamp::from_millis(millis));
            assert_eq!(timestamp_from(&out), Some(Timestamp::from_millis(millis)), "{out}");
        }
    }

    #[test]
    fn a_number_beyond_the_ends_of_time_is_no_instant() {
        let ends = ["9223372036854775807", "-9223372036854775808"].map(timestamp_from);
        assert_eq!(ends, [Some(Timestamp::MAX), Some(Timestamp::MIN)]);
        for beyond in ["9223372036854775808", "-9223372036854775809", "1e30", "-1e30", "1e999"] {
            assert_eq!(timestamp_from(beyond), None, "{beyond}");
        }
    }
}
