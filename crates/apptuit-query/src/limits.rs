//! What one query may cost.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

/// Bytes of query text that are parsed.
pub(crate) const MAX_TEXT_BYTES: usize = 256 << 10;
/// Statements in one query.
pub(crate) const MAX_STATEMENTS: usize = 1000;
/// Calls in one query, nested ones included.
pub(crate) const MAX_CALLS: usize = 1000;
/// Filters in one query: each may hold a compiled regular expression.
pub(crate) const MAX_FILTERS: usize = 200;
/// Parentheses inside parentheses that are parsed, whatever [`Limits::max_depth`] says: the parser
/// recurses, and a stack is finite.
pub(crate) const MAX_PARSED_DEPTH: usize = 100;

/// How to read less.
pub(crate) const NARROWER: &str = "ask for less time, or for fewer series by a `tag_filter`";

/// What one query may cost.
///
/// A query that would cost more fails as soon as that is known, with an error that names the limit
/// and says how to ask for less.
#[derive(Clone)]
pub struct Limits {
    /// Series read from the source, all fetches together.
    pub max_series: usize,
    /// Points read from the source, all fetches together.
    pub max_points: usize,
    /// Bytes that are held at one time, by all frames that are still needed and those that are being
    /// made: 16 a point, and about 100 a series. What the source holds does not count.
    pub max_bytes: usize,
    /// Parentheses inside parentheses; the parser never goes beyond 100.
    pub max_depth: usize,
    /// Threads that work on it, at least one. The answer does not depend on it.
    pub max_threads: usize,
    /// Asked between operators, and while points are read: `true` ends the query.
    pub cancelled: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

/// 10 000 series, 10 million points, 640 MB, 50 levels, as many threads as the machine runs at
/// once, never cancelled.
impl Default for Limits {
    fn default() -> Self {
        Self {
            max_series: 10_000,
            max_points: 10_000_000,
            max_bytes: 640_000_000,
            max_depth: 50,
            max_threads: thread::available_parallelism().map_or(1, NonZero::get),
            cancelled: None,
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("max_series", &self.max_series)
            .field("max_points", &self.max_points)
            .field("max_bytes", &self.max_bytes)
            .field("max_depth", &self.max_depth)
            .field("max_threads", &self.max_threads)
            .field("cancelled", &self.cancelled.is_some())
            .finish()
    }
}
