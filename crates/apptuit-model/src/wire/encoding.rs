//! How bodies are compressed.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::inflate::{InflateError, Inflater};

/// How a body is compressed.
///
/// ```
/// use apptuit_model::wire::ContentEncoding;
///
/// let packed = ContentEncoding::Deflate.pack(b"[]");
/// assert_eq!(ContentEncoding::Deflate.unpack(&packed, 100).as_deref(), Ok(&b"[]"[..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncoding {
    /// Not at all.
    Identity,
    /// Deflate inside a zlib wrapper, RFC 1950: what HTTP calls `deflate`.
    Deflate,
    /// Deflate inside a gzip wrapper, RFC 1952.
    Gzip,
}

impl ContentEncoding {
    /// The value of the header `Content-Encoding`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Deflate => "deflate",
            Self::Gzip => "gzip",
        }
    }

    /// The encoding a header names, in any case; `None` if it is another one or a list.
    pub fn from_header(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "deflate" => Some(Self::Deflate),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            _ => None,
        }
    }

    /// The compressed body.
    pub fn pack(self, body: &[u8]) -> Vec<u8> {
        let level = Compression::default();
        match self {
            Self::Identity => body.to_vec(),
            Self::Deflate => {
                written(ZlibEncoder::new(Vec::new(), level), body, ZlibEncoder::finish)
            }
            Self::Gzip => written(GzEncoder::new(Vec::new(), level), body, GzEncoder::finish),
        }
    }

    /// The body as it was before it was packed, checked to its end.
    ///
    /// # Errors
    ///
    /// The body has more than `limit_bytes` when inflated, or it is damaged, cut short or followed
    /// by other bytes.
    pub fn unpack(self, body: &[u8], limit_bytes: usize) -> Result<Cow<'_, [u8]>, InflateError> {
        match self {
            Self::Identity if body.len() > limit_bytes => {
                Err(InflateError::TooLarge { limit_bytes })
            }
            Self::Identity => Ok(Cow::Borrowed(body)),
            Self::Deflate | Self::Gzip => {
                let mut inflater = Inflater::default();
                inflater.unpack(self, body, limit_bytes)?;
                Ok(Cow::Owned(inflater.into_body()))
            }
        }
    }
}

/// The value of the header `Content-Encoding`.
impl fmt::Display for ContentEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn written<W: Write>(
    mut encoder: W,
    body: &[u8],
    finish: impl FnOnce(W) -> std::io::Result<Vec<u8>>,
) -> Vec<u8> {
    let packed = encoder.write_all(body).and_then(|()| finish(encoder));
    packed.expect("a vector takes every byte")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKED: [ContentEncoding; 2] = [ContentEncoding::Deflate, ContentEncoding::Gzip];

    #[test]
    fn deflate_has_the_zlib_wrapper() {
        let packed = ContentEncoding::Deflate.pack(b"[]");
        assert_eq!(packed[..2], [0x78, 0x9c]);
        // Adler-32 of `[]` by hand: a = 1 + 91 + 93, b = 92 + 185.
        assert_eq!(packed[packed.len() - 4..], [0x01, 0x15, 0x00, 0xb9]);
    }

    #[test]
    fn a_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
        let body = vec![b'a'; 100_000];
        for encoding in [ContentEncoding::Identity, ContentEncoding::Deflate, ContentEncoding::Gzip]
        {
            let packed = encoding.pack(&body);
            assert_eq!(encoding.unpack(&packed, 100_000).as_deref(), Ok(&body[..]), "{encoding}");
            let refused = encoding.unpack(&packed, 99_999);
            assert_eq!(refused, Err(InflateError::TooLarge { limit_bytes: 99_999 }), "{encoding}");
        }
    }

    #[test]
    fn no_beginning_of_a_body_is_taken_for_the_whole() {
        let body: Vec<u8> = (0..2000_u32).flat_map(u32::to_le_bytes).collect();
        for encoding in PACKED {
            let packed = encoding.pack(&body);
            for length in 0..packed.len() {
                let cut = encoding.unpack(&packed[..length], 1 << 20);
                assert_eq!(cut, Err(InflateError::Malformed), "{encoding} cut at {length}");
            }
        }
    }

    #[test]
    fn bytes_after_the_end_and_a_wrong_checksum_are_refused() {
        for encoding in PACKED {
            let mut packed = encoding.pack(b"some points");
            packed.push(0);
            assert_eq!(encoding.unpack(&packed, 100), Err(InflateError::Malformed), "{encoding}");
            packed.pop();
            // Both wrappers keep a checksum in the eight last bytes; zlib's is the last four.
            let at = packed.len() - if encoding == ContentEncoding::Gzip { 8 } else { 4 };
            packed[at] ^= 1;
            assert_eq!(encoding.unpack(&packed, 100), Err(InflateError::Malformed), "{encoding}");
        }
    }

    #[test]
    fn headers_name_encodings_in_any_case() {
        assert_eq!(ContentEncoding::from_header("Deflate"), Some(ContentEncoding::Deflate));
        assert_eq!(ContentEncoding::from_header(" X-GZIP "), Some(ContentEncoding::Gzip));
        assert_eq!(ContentEncoding::from_header(""), Some(ContentEncoding::Identity));
        assert_eq!(ContentEncoding::from_header("br"), None);
        assert_eq!(ContentEncoding::from_header("gzip, deflate"), None);
    }
}
