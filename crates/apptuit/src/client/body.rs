//! Points that are ready to travel.

use std::fmt;
use std::sync::Arc;

use apptuit_metrics::Clock;
use apptuit_model::wire::{ContentEncoding, decode_points};
use apptuit_model::{DataPoint, Timestamp};

/// Inflated, a body of the largest batch with the longest names is far below this.
const MAX_JSON_BYTES: usize = 1 << 30;

/// Points that are ready to travel: now, later, or after a stay on a disk.
///
/// A clone is cheap and shares the bytes. A body keeps its [`key`](Self::key) for good: by it the
/// server tells a body that is sent again from another one.
#[derive(Clone)]
pub struct Body {
    key: Arc<str>,
    bytes: Arc<Vec<u8>>,
    points: u64,
    first: Timestamp,
    last: Timestamp,
}

impl Body {
    /// A body that was made earlier, by this process or by another.
    pub fn restored(
        key: impl Into<Arc<str>>,
        bytes: Vec<u8>,
        points: u64,
        first: Timestamp,
        last: Timestamp,
    ) -> Self {
        Self { key: key.into(), bytes: Arc::new(bytes), points, first, last }
    }

    /// The text the server knows this body by: 1 to 64 visible ASCII characters. Halves have keys that
    /// [follow from it](apptuit_model::body_key).
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The body as it travels, packed.
    pub fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.bytes
    }

    /// How many points it has.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// The earliest of its timestamps.
    pub fn first(&self) -> Timestamp {
        self.first
    }

    /// The latest of its timestamps.
    pub fn last(&self) -> Timestamp {
        self.last
    }

    /// How the bytes are packed: each encoding begins in its own way, and JSON with a bracket.
    pub fn encoding(&self) -> ContentEncoding {
        match self.bytes.first() {
            Some(b'[') => ContentEncoding::Identity,
            Some(0x1f) => ContentEncoding::Gzip,
            _ => ContentEncoding::Deflate,
        }
    }

    /// Its points again, in their order; `None` if the bytes are not those of this body.
    pub(super) fn unpacked(&self) -> Option<Vec<DataPoint>> {
        let json = self.encoding().unpack(&self.bytes, MAX_JSON_BYTES).ok()?;
        let points = usize::try_from(self.points).ok()?;
        let decoded = decode_points(&json, points).ok()?;
        (decoded.points.len() == points).then_some(decoded.points)
    }
}

/// What it is, not what is in it.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("key", &self.key)
            .field("bytes", &self.bytes.len())
            .field("points", &self.points)
            .field("first", &self.first)
            .field("last", &self.last)
            .finish()
    }
}

/// A key that no other body has: 64 random bits, and, since a forked process begins with the random
/// numbers of its parent, the process and the time.
pub(super) fn new_key(clock: &dyn Clock) -> String {
    let millis = clock.timestamp().as_millis();
    format!("{:016x}-{:x}-{millis:x}", fastrand::u64(..), std::process::id())
}
