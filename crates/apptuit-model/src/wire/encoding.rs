//! How bodies are compressed.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress, Status};

use super::inflate::{InflateError, Inflater};

/// Room made for a packed body at first, and up to where it is doubled.
const SMALL_ROOM_BYTES: usize = 4 * 1024;
const LARGE_ROOM_BYTES: usize = 64 * 1024;

/// What repeats within 16 KB is found: about a hundred points. With the largest window bodies of
/// points become larger, since what is near is told in fewer bits.
const WINDOW_BITS: u8 = 14;

/// The header of a zlib stream of the default level, and of the largest window there is: what
/// readers make of it, if anything, is room. Bodies of other clients begin with it.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x9c];

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

/// How much time is spent on making a body small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PackEffort {
    /// Nearly as small as it gets.
    #[default]
    Default,
    /// Somewhat larger, and sooner done: where the processor is busier than the network.
    Fast,
}

/// Packs bodies, one after the other, in pieces. What the compressor has allocated stays for the next.
pub(super) struct Packer {
    /// `None` packs nothing.
    stream: Option<Compress>,
    is_zlib: bool,
    out: Vec<u8>,
}

impl Packer {
    pub(super) fn new(encoding: ContentEncoding, effort: PackEffort) -> Self {
        let level = Compression::new(match effort {
            PackEffort::Default => 2,
            PackEffort::Fast => 1,
        });
        let stream = match encoding {
            ContentEncoding::Identity => None,
            ContentEncoding::Deflate => {
                Some(Compress::new_with_window_bits(level, true, WINDOW_BITS))
            }
            ContentEncoding::Gzip => Some(Compress::new_gzip(level, WINDOW_BITS)),
        };
        Self { stream, is_zlib: encoding == ContentEncoding::Deflate, out: Vec::new() }
    }

    /// Packs the next piece, which ends the first `share` (0 to 1) of the body.
    pub(super) fn write(&mut self, piece: &[u8], share: f64) {
        self.run(piece, FlushCompress::None, share);
    }

    /// Packs the last piece, and gives the body.
    pub(super) fn finish(&mut self, piece: &[u8]) -> Vec<u8> {
        self.run(piece, FlushCompress::Finish, 1.0);
        if let Some(stream) = &mut self.stream {
            stream.reset();
        }
        let mut body = std::mem::take(&mut self.out);
        if self.is_zlib {
            body[..2].copy_from_slice(&ZLIB_HEADER);
        }
        if body.capacity() - body.len() > body.len() / 4 {
            body.shrink_to_fit();
        }
        body
    }

    fn run(&mut self, piece: &[u8], flush: FlushCompress, share: f64) {
        let Some(stream) = &mut self.stream else {
            self.out.extend_from_slice(piece);
            return;
        };
        let mut rest = piece;
        loop {
            if self.out.len() == self.out.capacity() {
                grow(&mut self.out, share);
            }
            let before = stream.total_in();
            let status = stream.compress_vec(rest, &mut self.out, flush);
            let status = status.expect("a compressor takes any bytes");
            let taken = usize::try_from(stream.total_in() - before).unwrap_or(rest.len());
            rest = rest.get(taken..).unwrap_or_default();
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                // With room left the compressor has no output that it could give.
                _ => rest.is_empty() && self.out.len() < self.out.capacity(),
            };
            if is_done {
                return;
            }
        }
    }
}

/// Makes room: a bit more than the whole will probably need, so that it is not moved again.
fn grow(out: &mut Vec<u8>, share: f64) {
    let more = if out.len() < LARGE_ROOM_BYTES {
        out.len().max(SMALL_ROOM_BYTES)
    } else {
        let whole = out.len() as f64 / share.clamp(0.01, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a hundred times a length in memory at most"
        )]
        let whole = (whole * 1.15) as usize;
        whole.saturating_sub(out.len()) + LARGE_ROOM_BYTES / 2
    };
    out.reserve_exact(more);
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("out_bytes", &self.out.len()).finish_non_exhaustive()
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
