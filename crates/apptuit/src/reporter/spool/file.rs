//! One file of a spool: a header to look at, and a body exactly as it travels.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use apptuit_model::Timestamp;
use flate2::Crc;

use crate::client::Body;

/// The first line: the format and its version.
const MAGIC: &str = "apptuit-spool 1";
const HEADER_CRC: &str = "header-crc32: ";
/// A header is shorter. More is not searched for its end.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// Whose points a spool holds. What is written under one identity is sent under no other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) endpoint: String,
    /// A hash of the token; nobody gets the token from it.
    pub(crate) fingerprint: String,
}

impl Identity {
    pub(crate) fn new(endpoint: &str, token: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), fingerprint: hash(&["apptuit-token", token]) }
    }

    /// The name of the directory of this identity.
    pub(super) fn directory(&self) -> String {
        hash(&["apptuit-spool", &self.endpoint, &self.fingerprint])[..16].to_owned()
    }
}

/// The first half of a SHA-256 in hexadecimal.
fn hash(parts: &[&str]) -> String {
    let mut hash = hmac_sha256::Hash::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut text = String::with_capacity(32);
    for byte in &hash.finalize()[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The file of a body whose delivery has been tried `attempts` times.
pub(super) fn encode(owner: &Identity, body: &Body, attempts: u32) -> Vec<u8> {
    let bytes = body.bytes();
    let mut file = header(owner, body, attempts, bytes.len(), crc32(bytes)).into_bytes();
    file.extend_from_slice(bytes);
    file
}

fn header(owner: &Identity, body: &Body, attempts: u32, bytes: usize, crc: u32) -> String {
    let mut text = format!(
        "{MAGIC}\nendpoint: {}\nfingerprint: {}\nkey: {}\npoints: {}\nfirst-ms: {}\n\
         last-ms: {}\nattempts: {attempts}\nbody-bytes: {bytes}\nbody-crc32: {crc:08x}\n",
        owner.endpoint,
        owner.fingerprint,
        body.key(),
        body.points(),
        body.first().as_millis(),
        body.last().as_millis(),
    );
    let crc = crc32(text.as_bytes());
    let _ = write!(text, "{HEADER_CRC}{crc:08x}\n\n");
    text
}

/// Reads a file. Whatever was changed in it since it was written, by a bit or by a cut, is noticed.
pub(super) fn decode(file: &[u8]) -> Result<Kept, Damage> {
    let start = &file[..file.len().min(MAX_HEADER_BYTES)];
    let end = start.windows(2).position(|two| two == b"\n\n").ok_or(Damage("has no header"))?;
    let (head, bytes) = file.split_at(end + 2);
    let head = str::from_utf8(head).map_err(|_| Damage("has a header that is no text"))?;

    let mut lines = head.lines();
    if lines.next() != Some(MAGIC) {
        return Err(Damage("does not begin with `apptuit-spool 1`"));
    }
    let mut field = |name: &'static str| {
        let line = lines.next().unwrap_or_default();
        line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).ok_or(Damage(name))
    };
    let owner = Identity {
        endpoint: field("endpoint")?.to_owned(),
        fingerprint: field("fingerprint")?.to_owned(),
    };
    let key = field("key")?;
    let points = number(field("points")?)?;
    let first = Timestamp::from_millis(number(field("first-ms")?)?);
    let last = Timestamp::from_millis(number(field("last-ms")?)?);
    let body = Body::restored(key, bytes.to_vec(), points, first, last);
    let attempts = number(field("attempts")?)?;
    let length: usize = number(field("body-bytes")?)?;
    let crc = u32::from_str_radix(field("body-crc32")?, 16).map_err(|_| NO_NUMBER)?;
    // One text for one header: what is written again must be what was read, its checksum included.
    if header(&owner, &body, attempts, length, crc) != head {
        return Err(Damage("has a header that does not match its checksum"));
    }
    if bytes.len() != length {
        return Err(Damage("has a body of another length than its header says"));
    }
    if crc32(bytes) != crc {
        return Err(Damage("has a body that does not match its checksum"));
    }
    Ok(Kept { owner, body, attempts })
}

/// A file, written again from what is read of it.
#[cfg(feature = "testing")]
pub(crate) fn rewritten(file: &[u8]) -> Result<Vec<u8>, Damage> {
    let Kept { owner, body, attempts } = decode(file)?;
    Ok(encode(&owner, &body, attempts))
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) owner: Identity,
    pub(super) body: Body,
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "it is for people who look at a file")
    )]
    pub(super) attempts: u32,
}

const NO_NUMBER: Damage = Damage("has a header with a text where a number belongs");

fn number<T: FromStr>(text: &str) -> Result<T, Damage> {
    text.parse().map_err(|_| NO_NUMBER)
}

/// What is wrong with a file: a clause that goes after its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage(pub(super) &'static str);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(' ') {
            f.write_str(self.0)
        } else {
            write!(f, "has no `{}` where its header should", self.0)
        }
    }
}

pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Identity {
        Identity::new("http://127.0.0.1:4242", "s3cret")
    }

    fn body(bytes: Vec<u8>) -> Body {
        let (first, last) = (Timestamp::from_millis(1_700_000_000_123), Timestamp::from_millis(-5));
        Body::restored("0123456789abcdef-1f-18bcfe56800", bytes, 50_000, first, last)
    }

    fn file() -> Vec<u8> {
        encode(&owner(), &body((0..=255).take(80).collect()), 3)
    }

    #[test]
    fn a_file_gives_back_what_was_put_in() {
        for bytes in [vec![], b"\n\n".to_vec(), (0..=255).cycle().take(1000).collect()] {
            let kept = decode(&encode(&owner(), &body(bytes.clone()), 3)).unwrap();
            assert_eq!((kept.owner, kept.attempts), (owner(), 3));
            assert_eq!(**kept.body.bytes(), bytes);
            assert_eq!(format!("{:?}", kept.body), format!("{:?}", body(bytes)));
        }
    }

    #[test]
    fn a_header_can_be_read_by_people() {
        let file = file();
        let text = String::from_utf8_lossy(&file);
        let (head, _) = text.split_once("\n\n").unwrap();
        let names: Vec<_> = head.lines().skip(1).map(|l| l.split(": ").next().unwrap()).collect();
        assert_eq!(head.lines().next(), Some("apptuit-spool 1"));
        assert_eq!(names[..4], ["endpoint", "fingerprint", "key", "points"]);
        assert!(head.contains("points: 50000\nfirst-ms: 1700000000123\nlast-ms: -5\n"), "{head}");
    }

    /// The checksum of the ZIP and PNG formats, of the text its definition is checked with.
    #[test]
    fn the_checksum_is_the_usual_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn any_bit_that_flips_and_any_cut_is_noticed() {
        let file = file();
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << bit;
                decode(&damaged).expect_err("a bit was flipped");
            }
            decode(&file[..at]).expect_err("it was cut");
        }
        decode(&[&file[..], b"x"].concat()).expect_err("something was added");
    }

    #[test]
    fn damage_is_told_in_words() {
        let file = file();
        let told = |file: &[u8]| decode(file).unwrap_err().to_string();
        assert_eq!(told(b""), "has no header");
        assert_eq!(
            told(&file[..file.len() - 1]),
            "has a body of another length than its header says"
        );
        assert_eq!(told(b"apptuit-spool 2\n\n"), "does not begin with `apptuit-spool 1`");
        assert_eq!(
            told(b"apptuit-spool 1\nkey: 1\n\n"),
            "has no `endpoint` where its header should"
        );
    }

    /// The vector of the standard: SHA-256 of "abc".
    #[test]
    fn the_hash_is_sha_256() {
        let hash = hmac_sha256::Hash::hash(b"abc");
        assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn another_token_or_endpoint_has_another_directory_and_no_name_tells_the_token() {
        let identities =
            [("http://a", "t"), ("http://a", "u"), ("http://b", "t"), ("http://at", "")];
        let names: std::collections::HashSet<_> =
            identities.map(|(endpoint, token)| Identity::new(endpoint, token).directory()).into();
        assert_eq!(names.len(), 4);
        let text = String::from_utf8_lossy(&file()).into_owned();
        assert!(!text.contains("s3cret"), "{text}");
    }
}
