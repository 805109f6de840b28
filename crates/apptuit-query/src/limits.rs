//! Depth, series and points a query may touch.

use std::fmt;
use std::sync::Arc;

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
/// Intermediate frames together may hold this many times what a query may read.
pub(crate) const HELD_TO_READ: usize = 4;

/// What one query may cost.
#[derive(Clone)]
pub struct Limits {
    /// Series read from the source, all fetches together.
    pub max_series: usize,
    /// Points read from the source, all fetches together.
    pub max_points: usize,
    /// Parentheses inside parentheses; the parser never goes beyond 100.
    pub max_depth: usize,
    /// Asked between operators and once a series: `true` ends the query.
    pub cancelled: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

/// 10 000 series, 10 million points, 50 levels, never cancelled.
impl Default for Limits {
    fn default() -> Self {
        Self { max_series: 10_000, max_points: 10_000_000, max_depth: 50, cancelled: None }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("max_series", &self.max_series)
            .field("max_points", &self.max_points)
            .field("max_depth", &self.max_depth)
            .field("cancelled", &self.cancelled.is_some())
            .finish()
    }
}
