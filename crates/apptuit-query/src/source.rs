//! Where series come from.

use std::error::Error;
use std::fmt;

use apptuit_model::{Selector, TimeRange, TimeSeries};

/// Supplies the series a query fetches.
pub trait SeriesSource {
    /// The series of the selector's metric that satisfy its matchers, with their points in `range`.
    ///
    /// Both ends of the range are in it. Points ascend strictly in time; series without a point in
    /// the range are left out; series may come in any order. `None` means that no series of this
    /// metric was ever written, which fails the query.
    ///
    /// # Errors
    ///
    /// The read would exceed a limit, was cancelled, or failed.
    fn select(
        &self,
        selector: &Selector,
        range: TimeRange,
    ) -> Result<Option<Vec<TimeSeries>>, SourceError>;
}

/// Why a source gave no series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// The read would exceed a limit.
    LimitExceeded {
        /// Which limit, as the user should read it.
        what: String,
    },
    /// The read was cancelled.
    Cancelled,
    /// The read failed.
    Failed {
        /// Why, as the user should read it.
        reason: String,
    },
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitExceeded { what } => f.write_str(what),
            Self::Cancelled => f.write_str("the read was cancelled"),
            Self::Failed { reason } => write!(f, "series could not be read: {reason}"),
        }
    }
}

impl Error for SourceError {}
