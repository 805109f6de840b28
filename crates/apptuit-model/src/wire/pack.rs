//! Packing in pieces: a body need not be there at once.

use std::fmt;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::encoding::ContentEncoding;

/// Room made for a packed body at first, and up to where it is doubled.
const SMALL_ROOM_BYTES: usize = 4 * 1024;
const LARGE_ROOM_BYTES: usize = 64 * 1024;

/// What repeats within 16 KB is found: about a hundred points. With the largest window bodies of
/// points become larger, since what is near is told in fewer bits.
const WINDOW_BITS: u8 = 14;

/// The header of a zlib stream of the default level, and of the largest window there is: what
/// readers make of it, if anything, is room. Bodies of other clients begin with it.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x9c];

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
