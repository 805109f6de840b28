//! The variables this library reads; `docs/reference/environment.md` has them all.
//!
//! Nothing else in this library reads any.

use std::{env, fmt};

use apptuit_model::{Tags, is_valid_name};

use super::Warning;
use crate::{Error, ErrorKind, Result};

pub(crate) const TOKEN: &str = "APPTUIT_API_TOKEN";
const OLD_TOKEN: &str = "APPTUIT_PY_TOKEN";
const TAGS: &str = "APPTUIT_TAGS";
const OLD_TAGS: &str = "APPTUIT_PY_TAGS";
pub(crate) const ENDPOINT: &str = "APPTUIT_API_ENDPOINT";
const SPOOL_DIR: &str = "APPTUIT_SPOOL_DIR";
const DISABLE_HOST_TAG: &str = "APPTUIT_DISABLE_HOST_TAG";
/// First those that were set for the package this one replaces.
#[cfg(feature = "tls")]
const CERTIFICATES: [&str; 3] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];
/// Of each kind those in lower case go first; a proxy of one scheme goes before that of all.
const HTTP_PROXY: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
const HTTPS_PROXY: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A variable that is set. What it holds may be secret.
#[derive(Clone)]
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) value: String,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The token, if there is one.
pub(super) fn token(warnings: &mut Vec<Warning>) -> Option<String> {
    first_of([TOKEN, OLD_TOKEN], variable, warnings).map(|(_, token)| token)
}

/// The endpoint; an empty one counts as none.
pub(crate) fn endpoint() -> Option<String> {
    variable(ENDPOINT).filter(|endpoint| !endpoint.trim().is_empty())
}

/// The tags of the environment; none if the variable is not set.
pub(crate) fn tags() -> Result<Tags> {
    tags_with_warnings(&mut Vec::new())
}

/// The same, and whether they were under an old name.
pub(super) fn tags_with_warnings(warnings: &mut Vec<Warning>) -> Result<Tags> {
    first_of([TAGS, OLD_TAGS], variable, warnings)
        .map_or_else(|| Ok(Tags::new()), |(name, text)| parse_tags(name, &text))
}

pub(crate) fn spool_dir() -> Option<std::path::PathBuf> {
    env::var_os(SPOOL_DIR).filter(|directory| !directory.is_empty()).map(Into::into)
}

pub(crate) fn host_tag_is_disabled() -> Result<bool> {
    variable(DISABLE_HOST_TAG).map_or(Ok(false), |text| parse_switch(DISABLE_HOST_TAG, &text))
}

/// The variable that names certificates to trust, and the file or folder it names.
#[cfg(feature = "tls")]
pub(super) fn certificates() -> Option<(&'static str, std::path::PathBuf)> {
    let named = |name| env::var_os(name).filter(|path| !path.is_empty());
    CERTIFICATES.into_iter().find_map(|name| Some((name, named(name)?.into())))
}

/// The proxy for endpoints of a scheme.
pub(super) fn proxy(scheme: &str) -> Option<Named> {
    let names = if scheme == "https" { HTTPS_PROXY } else { HTTP_PROXY };
    // A web server hands a header `Proxy` of its caller to its scripts by this name.
    let is_script = variable("REQUEST_METHOD").is_some();
    let mut names = names.into_iter().filter(|name| !(is_script && *name == "HTTP_PROXY"));
    names.find_map(named)
}

/// The hosts that are gone to directly, with commas between.
pub(super) fn no_proxy() -> Option<String> {
    NO_PROXY.into_iter().find_map(named).map(|named| named.value)
}

fn named(name: &'static str) -> Option<Named> {
    let value = variable(name).filter(|value| !value.trim().is_empty())?;
    Some(Named { name, value })
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The new name's text, or else the old name's with a warning; blank ones count as none.
fn first_of(
    [new, old]: [&'static str; 2],
    read: impl Fn(&str) -> Option<String>,
    warnings: &mut Vec<Warning>,
) -> Option<(&'static str, String)> {
    let set = |name| read(name).filter(|text| !text.trim().is_empty()).map(|text| (name, text));
    set(new).or_else(|| {
        let found = set(old)?;
        warnings.push(Warning::deprecated(old, new));
        Some(found)
    })
}

/// Tags written as `key: value, key: value`.
///
/// A value reaches to the next comma and may hold colons; in double quotes it may hold commas too,
/// and a double quote written twice. Blank parts are skipped; of two equal keys the later wins.
pub(crate) fn parse_tags(variable: &str, text: &str) -> Result<Tags> {
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
    let parts: Vec<&str> = inner.split("\"\"").collect();
    parts.iter().all(|part| !part.contains('"')).then(|| parts.join("\""))
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
        let token = |set| {
            let mut warnings = Vec::new();
            let token = first_of([TOKEN, OLD_TOKEN], read(set), &mut warnings);
            (token.map(|(_, token)| token), warnings.iter().map(Warning::to_string).collect())
        };
        let nothing_old = Vec::<String>::new();
        let old = "the variable `APPTUIT_PY_TOKEN` is deprecated, expected `APPTUIT_API_TOKEN`";
        let old = vec![old.to_owned()];
        assert_eq!(token(&[(OLD_TOKEN, "old"), (TOKEN, "new")]), (Some("new".into()), nothing_old));
        assert_eq!(token(&[(OLD_TOKEN, "old"), (TOKEN, "")]), (Some("old".into()), old));
        assert_eq!(token(&[(TOKEN, " ")]), (None, Vec::new()));
    }

    #[test]
    fn switches_are_words_in_any_case() {
        assert!(parse_switch("V", "True").unwrap() && parse_switch("V", "1").unwrap());
        assert!(!parse_switch("V", "OFF").unwrap() && !parse_switch("V", "").unwrap());
        let error = parse_switch("V", "maybe").unwrap_err();
        assert_eq!(error.to_string(), "V is `maybe`, expected `true` or `false`");
    }
}
