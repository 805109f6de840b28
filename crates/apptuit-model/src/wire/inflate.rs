//! Bodies as they were before they were packed.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use super::encoding::ContentEncoding;

/// Room made for an inflated body before anything is known of its size.
const FIRST_ROOM_BYTES: usize = 16 * 1024;
/// The largest window, 32 KiB, as the logarithm of its size.
const WINDOW_BITS: u8 = 15;

/// Inflates bodies, one after the other, into memory that it keeps.
///
/// ```
/// use apptuit_model::wire::{ContentEncoding, Inflater};
///
/// let mut inflater = Inflater::default();
/// let packed = ContentEncoding::Gzip.pack(b"[]");
/// assert_eq!(inflater.unpack(ContentEncoding::Gzip, &packed, 100), Ok(&b"[]"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Inflater {
    /// Each is made for the first body that needs it.
    zlib: Option<Decompress>,
    gzip: Option<Decompress>,
    out: Vec<u8>,
}

impl Inflater {
    /// The body as it was before it was packed, checked to its end.
    ///
    /// # Errors
    ///
    /// The body has more than `limit_bytes` when inflated, or it is damaged, cut short or followed
    /// by other bytes.
    pub fn unpack<'body>(
        &'body mut self,
        encoding: ContentEncoding,
        body: &'body [u8],
        limit_bytes: usize,
    ) -> Result<&'body [u8], InflateError> {
        let stream = match encoding {
            ContentEncoding::Identity if body.len() > limit_bytes => {
                return Err(InflateError::TooLarge { limit_bytes });
            }
            ContentEncoding::Identity => return Ok(body),
            ContentEncoding::Deflate => self.zlib.get_or_insert_with(|| Decompress::new(true)),
            ContentEncoding::Gzip => {
                self.gzip.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS))
            }
        };
        stream.reset(true);
        inflate(stream, body, limit_bytes, &mut self.out)?;
        Ok(&self.out)
    }

    /// Keeps at most so much memory for the next bodies.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.out.clear();
        self.out.shrink_to(bytes);
    }

    /// The last body that was inflated.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.out
    }
}

/// Why a body could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// The inflated body is larger than what is taken.
    TooLarge {
        /// The most that is taken.
        limit_bytes: usize,
    },
    /// The compressed body is damaged, cut short or followed by other bytes.
    Malformed,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit_bytes } => {
                write!(f, "the body is too large: at most {limit_bytes} bytes are taken")
            }
            Self::Malformed => f.write_str("the compressed body is damaged or cut short"),
        }
    }
}

impl std::error::Error for InflateError {}

/// Drives the stream by hand: flate2's readers take the end of the input for the end of the stream.
fn inflate(
    stream: &mut Decompress,
    body: &[u8],
    limit_bytes: usize,
    out: &mut Vec<u8>,
) -> Result<(), InflateError> {
    let too_large = InflateError::TooLarge { limit_bytes };
    out.clear();
    out.reserve(FIRST_ROOM_BYTES.min(limit_bytes.saturating_add(1)));
    loop {
        let consumed = usize::try_from(stream.total_in()).map_err(|_| too_large)?;
        let rest = body.get(consumed..).unwrap_or_default();
        let before = out.len();
        let status = stream
            .decompress_vec(rest, out, FlushDecompress::None)
            .map_err(|_| InflateError::Malformed)?;
        if out.len() > limit_bytes {
            return Err(too_large);
        }
        let read = usize::try_from(stream.total_in()).map_err(|_| too_large)?;
        if status == Status::StreamEnd {
            return if read == body.len() { Ok(()) } else { Err(InflateError::Malformed) };
        }
        if out.len() == out.capacity() {
            out.reserve(out.len().min(limit_bytes.saturating_add(1) - out.len()).max(1));
        } else if (read, out.len()) == (consumed, before) {
            // Room for output and nothing happened: the input ended before the stream.
            return Err(InflateError::Malformed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inflater_takes_body_after_body_whatever_became_of_the_one_before() {
        let mut inflater = Inflater::default();
        let bodies = [vec![b'a'; 100_000], b"short".to_vec(), Vec::new(), vec![0; 40_000]];
        for body in bodies.iter().cycle().take(12) {
            for encoding in
                [ContentEncoding::Deflate, ContentEncoding::Identity, ContentEncoding::Gzip]
            {
                let packed = encoding.pack(body);
                assert_eq!(inflater.unpack(encoding, &packed, 100_000), Ok(&body[..]));
                if encoding != ContentEncoding::Identity {
                    let cut = inflater.unpack(encoding, &packed[..packed.len() - 1], 100_000);
                    assert_eq!(cut, Err(InflateError::Malformed), "{encoding}");
                }
            }
            inflater.shrink_to(1000);
        }
    }
}
