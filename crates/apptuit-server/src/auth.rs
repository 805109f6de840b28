//! Who calls: tokens, and the tenants they stand for.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ring::digest::{SHA256, digest};

use crate::error::{ApiError, Kind};
use crate::server_error::ServerError;

const MAX_TENANT_BYTES: usize = 64;

type Digest = [u8; 32];

/// Tokens and the tenants they stand for.
///
/// In the file a line holds a token, blanks and a tenant; empty lines and those that begin with `#`
/// are skipped. A tenant may have several tokens. Only digests of the tokens are kept.
///
/// ```
/// use apptuit_server::TokenFile;
///
/// let tokens: TokenFile = "# team   tenant\ns3cr3t    weather\n".parse()?;
/// assert_eq!(tokens.tenants().collect::<Vec<_>>(), ["weather"]);
/// # Ok::<(), apptuit_server::ServerError>(())
/// ```
#[derive(Clone)]
pub struct TokenFile {
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    token: Digest,
    tenant: String,
}

impl TokenFile {
    /// Reads a file of tokens.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not one of tokens; see [`parse`](Self::parse).
    pub fn read(file: &Path) -> Result<Self, ServerError> {
        let text = fs::read_to_string(file)
            .map_err(|source| ServerError::Read { file: file.to_owned(), source })?;
        Self::parse(&text).map_err(|error| match error {
            ServerError::Tokens { line, what, .. } => {
                ServerError::Tokens { file: Some(file.to_owned()), line, what }
            }
            other => other,
        })
    }

    /// Reads the text of a file of tokens.
    ///
    /// # Errors
    ///
    /// A line has not two words, its token is not visible ASCII or was there before, or its tenant
    /// is not made of 1 to 64 ASCII letters, digits, `-` and `_`; or there is no token at all.
    pub fn parse(text: &str) -> Result<Self, ServerError> {
        let mut entries = Vec::new();
        let mut lines: HashMap<Digest, usize> = HashMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |what: String| ServerError::Tokens { file: None, line, what };
            let mut words = text.split_whitespace();
            let (Some(token), Some(tenant), None) = (words.next(), words.next(), words.next())
            else {
                return Err(wrong("expected a token and a tenant, separated by blanks".to_owned()));
            };
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong("the token has characters beyond visible ASCII".to_owned()));
            }
            if !is_tenant(tenant) {
                // The words may be the wrong way round, so this one is not shown either.
                return Err(wrong(format!(
                    "the tenant is not 1 to {MAX_TENANT_BYTES} ASCII letters, digits, `-` and `_`"
                )));
            }
            let token = sha256(token.as_bytes());
            if let Some(before) = lines.insert(token, line) {
                return Err(wrong(format!("the token is already on line {before}")));
            }
            entries.push(Entry { token, tenant: tenant.to_owned() });
        }
        if entries.is_empty() {
            return Err(ServerError::Tokens {
                file: None,
                line: 0,
                what: "there is no token in it".to_owned(),
            });
        }
        Ok(Self { entries })
    }

    /// The tenants, each once, in the order of the file.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        let first = |(n, entry): (usize, &Entry)| {
            !self.entries[..n].iter().any(|earlier| earlier.tenant == entry.tenant)
        };
        let tenants = self.entries.iter().enumerate();
        tenants.filter(move |entry| first(*entry)).map(|(_, entry)| entry.tenant.as_str())
    }

    /// The tenant the headers have a token of.
    pub(crate) fn tenant(&self, headers: &HeaderMap) -> Result<&str, ApiError> {
        let candidates = presented(headers)?;
        let found = candidates.iter().find_map(|token| self.tenant_of(token));
        found.ok_or_else(|| ApiError::new(Kind::Authentication, "the token is not known"))
    }

    /// Takes as long for a wrong token as for a right one, whatever its text: digests are compared,
    /// whole, with every entry.
    fn tenant_of(&self, token: &[u8]) -> Option<&str> {
        let token = sha256(token);
        let mut found = None;
        for entry in &self.entries {
            let differing = entry.token.iter().zip(token).fold(0, |bits, (a, b)| bits | (a ^ b));
            if black_box(differing) == 0 {
                found = Some(entry.tenant.as_str());
            }
        }
        found
    }
}

impl FromStr for TokenFile {
    type Err = ServerError;

    fn from_str(text: &str) -> Result<Self, ServerError> {
        Self::parse(text)
    }
}

/// Without tokens and without their digests.
impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenants: Vec<&str> = self.tenants().collect();
        f.debug_struct("TokenFile").field("tenants", &tenants).finish_non_exhaustive()
    }
}

/// A tenant is also the name of a file.
fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_TENANT_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

fn sha256(text: &[u8]) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}

/// What may be the token: that of `Bearer`, or user name and password of `Basic`, as some
/// collectors send it.
fn presented(headers: &HeaderMap) -> Result<Vec<Vec<u8>>, ApiError> {
    let refused = |what: &str| ApiError::new(Kind::Authentication, what);
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Err(refused(
            "there is no token: expected the header `Authorization: Bearer TOKEN`",
        ));
    };
    let words = header.to_str().ok().and_then(|text| text.trim().split_once(' '));
    let (scheme, token) = words.map(|(scheme, token)| (scheme, token.trim())).ok_or_else(|| {
        refused("the header `Authorization` has no token: expected `Bearer TOKEN`")
    })?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(vec![token.as_bytes().to_vec()]);
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(refused("the header `Authorization` is neither `Bearer` nor `Basic`"));
    }
    let pair = decode_base64(token)
        .ok_or_else(|| refused("the header `Authorization: Basic` is not base64"))?;
    let mut parts = pair.splitn(2, |byte| *byte == b':');
    Ok(parts.by_ref().map(<[u8]>::to_vec).filter(|part| !part.is_empty()).collect())
}

/// RFC 4648 section 4, with or without padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for symbol in text.bytes() {
        let six = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    // A single symbol of a group holds no byte.
    (held < 6).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header"))])
    }

    fn two() -> TokenFile {
        TokenFile::parse("# comment\n\nsecret-a\tweather\n  secret-b  traffic \nsecret-c weather\n")
            .expect("a token file")
    }

    #[test]
    fn a_token_stands_for_its_tenant() {
        let tokens = two();
        assert_eq!(tokens.tenants().collect::<Vec<_>>(), ["weather", "traffic"]);
        assert_eq!(tokens.tenant(&headers("Bearer secret-a")), Ok("weather"));
        assert_eq!(tokens.tenant(&headers("bearer  secret-b")), Ok("traffic"));
        assert_eq!(tokens.tenant(&headers("Bearer secret-c")), Ok("weather"));
        for wrong in ["Bearer secret", "Bearer secret-aa", "Bearer ", "Bearer SECRET-A"] {
            assert!(tokens.tenant(&headers(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn basic_carries_the_token_as_name_or_password() {
        // By the base64 of coreutils: `secret-a:`, `secret-a`, `:secret-b`, `me:secret-b`, `me:no`.
        let tokens = two();
        assert_eq!(tokens.tenant(&headers("Basic c2VjcmV0LWE6")), Ok("weather"));
        assert_eq!(tokens.tenant(&headers("Basic c2VjcmV0LWE=")), Ok("weather"));
        assert_eq!(tokens.tenant(&headers("Basic OnNlY3JldC1i")), Ok("traffic"));
        assert_eq!(tokens.tenant(&headers("basic bWU6c2VjcmV0LWI=")), Ok("traffic"));
        assert!(tokens.tenant(&headers("Basic bWU6bm8=")).is_err());
        assert!(tokens.tenant(&headers("Basic ???")).is_err());
    }

    #[test]
    fn a_bad_line_is_numbered_and_its_token_is_not_shown() {
        for (text, expected) in [
            ("a b\nhunter2\n", "token file, line 2: expected a token and a tenant"),
            ("hunter2 b c", "token file, line 1: expected a token and a tenant"),
            ("#\nhunter2 ../etc", "token file, line 2: the tenant is not 1 to 64"),
            ("tenant hunter2!", "token file, line 1: the tenant is not 1 to 64"),
            ("hunter2 a\n\nhunter2 b", "token file, line 3: the token is already on line 1"),
            ("hunter2é a", "token file, line 1: the token has characters beyond visible ASCII"),
            ("# nobody\n", "token file: there is no token in it"),
        ] {
            let error = TokenFile::parse(text).expect_err(text);
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn debug_shows_tenants_only() {
        let shown = format!("{:?}", two());
        assert_eq!(shown, r#"TokenFile { tenants: ["weather", "traffic"], .. }"#);
    }
}
