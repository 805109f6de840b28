//! Parameters of a request, from its URL or from a form.

use crate::error::{ApiError, Kind};

/// Keys and values as they were sent; a bare key has an empty value.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Parameters<'a> {
    /// Those of `key=value&key=value`.
    pub(super) fn of(text: &'a str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self { pairs: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect() }
    }

    /// These and those of another text.
    pub(super) fn and(mut self, text: &'a str) -> Self {
        self.pairs.extend(Self::of(text).pairs);
        self
    }

    /// The value of `key`, decoded; `None` if it is missing. Keys that are not asked for may be
    /// anything.
    pub(super) fn get(&self, key: &str) -> Result<Option<String>, ApiError> {
        let mut values = self.pairs.iter().filter(|(have, _)| *have == key);
        let Some((_, value)) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(invalid(format!("parameter `{key}` is there twice")));
        }
        let decoded = decode(value).ok_or_else(|| {
            invalid(format!("parameter `{key}` is not UTF-8 in percent-encoding"))
        })?;
        Ok(Some(decoded))
    }

    /// Whether a switch is on: `key`, `key=true` or `key=1`.
    pub(super) fn switch(&self, key: &str) -> Result<bool, ApiError> {
        match self.get(key)?.as_deref() {
            Some("" | "true" | "1") => Ok(true),
            None | Some("false" | "0") => Ok(false),
            Some(other) => Err(invalid(format!(
                "parameter `{key}` is `{other}`: expected no value, `true` or `false`"
            ))),
        }
    }
}

/// A request that cannot be understood.
pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Kind::InvalidRequest, message)
}

/// `%XX` is a byte, `+` a blank; `None` if that gives no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_decoded_and_a_plus_is_a_blank() {
        let parameters = Parameters::of("q=fetch%28%27a%2Fb%27%29.sum()&x=a+b%2Bc&&bare&e=%C3%a9");
        assert_eq!(parameters.get("q"), Ok(Some("fetch('a/b').sum()".to_owned())));
        assert_eq!(parameters.get("x"), Ok(Some("a b+c".to_owned())));
        assert_eq!(parameters.get("bare"), Ok(Some(String::new())));
        assert_eq!(parameters.get("e"), Ok(Some("é".to_owned())));
        assert_eq!(parameters.get("missing"), Ok(None));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_only_if_it_is_asked_for() {
        for bad in ["q=%", "q=%2", "q=%zz", "q=%ff"] {
            let parameters = Parameters::of(bad).and("x=1");
            assert!(parameters.get("q").is_err(), "{bad}");
            assert_eq!(parameters.get("x"), Ok(Some("1".to_owned())), "{bad}");
        }
        assert!(Parameters::of("q=1").and("q=1").get("q").is_err());
    }

    #[test]
    fn a_switch_is_bare_or_true() {
        for on in ["details", "details=", "details=true", "details=1"] {
            assert_eq!(Parameters::of(on).switch("details"), Ok(true), "{on}");
        }
        for off in ["", "detail", "details=false", "details=0"] {
            assert_eq!(Parameters::of(off).switch("details"), Ok(false), "{off}");
        }
        assert!(Parameters::of("details=maybe").switch("details").is_err());
    }
}
