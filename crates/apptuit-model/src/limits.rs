//! The numbers of the service.

/// Tags one point may carry, global and own together.
pub const MAX_TAGS: usize = 25;

/// Points a reporter puts into one body.
pub const BATCH_POINTS: usize = 50_000;

/// Timestamps above this are milliseconds, at or below it seconds (OpenTSDB's rule).
///
/// As seconds the value lies in the year 5138, as milliseconds in 1973.
pub const LARGEST_SECONDS: f64 = 1e11;
