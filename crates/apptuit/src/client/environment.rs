//! The variables this library reads, and nothing else in it reads any.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `APPTUIT_API_TOKEN` | the token, if none is passed |
//! | `APPTUIT_PY_TOKEN` | the same under its old name |
//! | `APPTUIT_TAGS` | global tags, `key: value, key: value`, if none are passed |
//! | `APPTUIT_PY_TAGS` | the same under its old name |
//! | `APPTUIT_API_ENDPOINT` | the server, if none is passed |
//! | `APPTUIT_DISABLE_HOST_TAG` | `true` keeps the host's name out of reports |
//! | `APPTUIT_SPOOL_DIR` | where reporters keep what they cannot deliver, if they are not told |
//! | `SSL_CERT_FILE` | certificates to trust instead of the built-in ones |

use std::env;

use apptuit_model::{Tags, is_valid_name};

use crate::{Error, ErrorKind, Result};

pub(crate) const TOKEN: &str = "APPTUIT_API_TOKEN";
const OLD_TOKEN: &str = "APPTUIT_PY_TOKEN";
const TAGS: &str = "APPTUIT_TAGS";
const OLD_TAGS: &str = "APPTUIT_PY_TAGS";
pub(crate) const ENDPOINT: &str = "APPTUIT_API_ENDPOINT";
const SPOOL_DIR: &str = "APPTUIT_SPOOL_DIR";
const DISABLE_HOST_TAG: &str = "APPTUIT_DISABLE_HOST_TAG";
#[cfg(feature = "tls")]
const CERTIFICATE_FILE: &str = "SSL_CERT_FILE";

pub(crate) fn token() -> Option<String> {
    first_of([TOKEN, OLD_TOKEN], variable).map(|(_, token)| token)
}

pub(crate) fn endpoint() -> Option<String> {
    variable(ENDPOINT)
}

/// The tags of the environment; none if the variable is not set.
pub(crate) fn tags() -> Result<Tags> {
    first_of([TAGS, OLD_TAGS], variable)
        .map_or_else(|| Ok(Tags::new()), |(name, text)| parse_tags(name, &text))
}

pub(crate) fn spool_dir() -> Option<std::path::PathBuf> {
    env::var_os(SPOOL_DIR).filter(|directory| !directory.is_empty()).map(Into::into)
}

pub(crate) fn host_tag_is_disabled() -> Result<bool> {
    variable(DISABLE_HOST_TAG).map_or(Ok(false), |text| parse_switch(DISABLE_HOST_TAG, &text))
}

#[cfg(feature = "tls")]
pub(crate) fn certificate_file() -> Option<std::path::PathBuf> {
    env::var_os(CERTIFICATE_FILE).filter(|file| !file.is_empty()).map(Into::into)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The first variable that is there and not blank.
fn first_of<const N: usize>(
    names: [&'static str; N],
    read: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    names
        .into_iter()
        .find_map(|name| read(name).filter(|text| !text.trim().is_empty()).map(|text| (name, text)))
}

/// Tags written as `key: value, key: value`.
///
/// A value reaches to the next comma and may hold colons; in double quotes it may hold commas too,
/// and a double quote written twice. Blank parts are skipped; of two equal keys the later wins.
fn parse_tags(variable: &str, text: &str) -> Result<Tags> {
    let refused = |part: &str, why: &str| {
        let message = format!("{variable} has `{part}`, {why}: expected `key: value, key: value`");
        Error::new(ErrorKind::Configuration, message)
    };
    let mut tags = Vec::new();
    for part in split_outside_quotes(text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (key, value) =
            part.split_once(':').ok_or_else(|| refused(part, "which has no colon"))?;
        let (key, value) = (key.trim(), value.trim());
        if !is_valid_name(key) {
            return Err(refused(part, "whose key is empty or has an invalid character"));
        }
        let value = unquoted(value).ok_or_else(|| refused(part, "whose quotes do not match"))?;
        tags.push((key.to_owned(), value));
    }
    Ok(tags.into_iter().collect())
}

/// The parts between commas, those in double quotes left alone.
fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// `"a ""b"" c"` without its quotes, other text as it is; `None` if a quote is not closed.
fn unquoted(value: &str) -> Option<String> {
    let Some(rest) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let inner = rest.strip_suffix('"')?;
    let plain = inner.replace("\"\"", "\u{0}");
    (!plain.contains('"')).then(|| plain.replace('\u{0}', "\""))
}

/// On or off, in the words people use; blank is off.
fn parse_switch(variable: &str, text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "" | "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(Error::new(
            ErrorKind::Configuration,
            format!("{variable} is `{text}`, expected `true` or `false`"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Result<Vec<(String, String)>, String> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let parsed = parse_tags("APPTUIT_TAGS", text).map_err(|error| error.to_string())?;
        Ok(parsed.iter().map(owned).collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn tags_are_read_as_people_write_them() {
        for (text, expected) in [
            ("a:b", &[("a", "b")][..]),
            ("a: b, c:d", &[("a", "b"), ("c", "d")]),
            (" a : b ", &[("a", "b")]),
            (" ", &[]),
            (",", &[]),
            (", , tagk1: 22, , tagk2: tagv2, ,", &[("tagk1", "22"), ("tagk2", "tagv2")]),
            ("a:", &[("a", "")]),
            ("a: ,b:c", &[("a", ""), ("b", "c")]),
            ("a:b,a:c", &[("a", "c")]),
            ("é:1", &[("é", "1")]),
        ] {
            assert_eq!(tags(text), Ok(pairs(expected)), "{text}");
        }
    }

    #[test]
    fn values_may_hold_colons_and_be_quoted() {
        for (text, expected) in [
            ("a:b:c", &[("a", "b:c")][..]),
            ("url:http://x", &[("url", "http://x")]),
            ("a:b;c:d", &[("a", "b;c:d")]),
            (r#"a:"b, c", d: "e""#, &[("a", "b, c"), ("d", "e")]),
            (r#"a:"say ""hi""""#, &[("a", r#"say "hi""#)]),
            (r#"a:"""#, &[("a", "")]),
        ] {
            assert_eq!(tags(text), Ok(pairs(expected)), "{text}");
        }
    }

    #[test]
    fn malformed_tags_are_quoted_and_the_format_is_shown() {
        for text in ["a", "{x", ":v", "a b:c", r#""a":b"#, r#"a:"b"#, r#"a:"b" c"#] {
            let error = tags(text).unwrap_err();
            assert!(error.contains(&format!("`{text}`")), "{error}");
            assert!(error.contains("APPTUIT_TAGS") && error.contains("`key: value"), "{error}");
        }
    }

    #[test]
    fn the_new_name_of_a_variable_goes_before_the_old_one() {
        let read = |set: &'static [(&str, &str)]| {
            move |name: &str| {
                set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            }
        };
        let token = |set| first_of([TOKEN, OLD_TOKEN], read(set)).map(|(_, token)| token);
        assert_eq!(token(&[(OLD_TOKEN, "old"), (TOKEN, "new")]).as_deref(), Some("new"));
        assert_eq!(token(&[(OLD_TOKEN, "old"), (TOKEN, "")]).as_deref(), Some("old"));
        assert_eq!(token(&[(TOKEN, " ")]), None);
    }

    #[test]
    fn switches_are_words_in_any_case() {
        assert!(parse_switch("V", "True").unwrap() && parse_switch("V", "1").unwrap());
        assert!(!parse_switch("V", "OFF").unwrap() && !parse_switch("V", "").unwrap());
        let error = parse_switch("V", "maybe").unwrap_err();
        assert_eq!(error.to_string(), "V is `maybe`, expected `true` or `false`");
    }
}
