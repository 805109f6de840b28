//! Where series come from.

use std::error::Error;
use std::fmt;
use std::ops::ControlFlow;

use apptuit_model::{Selector, Tags, TimeRange, TimeSeries, Timestamp};

use crate::operators::stage::{Stage, read_range};

/// Supplies the series a query fetches.
///
/// [`select`](Self::select) is all a source must do. A source that keeps many points implements
/// [`open`](Self::open) too: it hands them over in pieces instead of all at once, and may do itself
/// the first of the steps that a query puts after the fetch.
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

    /// The same series, to be read one by one, perhaps after some of the request's stages.
    ///
    /// By default [`select`](Self::select) over [`Request::reads`], and none of the stages.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    fn open(&self, request: &Request<'_>) -> Result<Option<Box<dyn Selection + '_>>, SourceError> {
        let selected = self.select(request.selector, request.reads())?;
        Ok(selected.map(|series| Box::new(Selected(series)) as Box<dyn Selection>))
    }

    /// What [`open`](Self::open) would do for the same request, as far as that is known without
    /// reading points. `None` means the same as there.
    ///
    /// By default nothing is known.
    ///
    /// # Errors
    ///
    /// As for [`select`](Self::select).
    fn foresee(&self, _request: &Request<'_>) -> Result<Option<Prospect>, SourceError> {
        Ok(Some(Prospect::default()))
    }
}

/// What a fetch, and the methods that follow it, ask of a source.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// Which series. Filters that follow the fetch are in it.
    pub selector: &'a Selector,
    /// The range of the query, both ends in it.
    pub range: TimeRange,
    /// What becomes of the points, in order. A source does as many of the first ones as it likes.
    pub stages: &'a [Stage],
}

impl<'a> Request<'a> {
    /// Asks for the series of a selector, after some stages.
    pub fn new(selector: &'a Selector, range: TimeRange, stages: &'a [Stage]) -> Self {
        Self { selector, range, stages }
    }

    /// The range of the points to read: that of the query, and where the first stage tells changes,
    /// what it looks back.
    pub fn reads(&self) -> TimeRange {
        read_range(self.range, self.stages)
    }
}

/// Series that a source has selected, to be read one by one, perhaps by several threads.
pub trait Selection: Sync {
    /// How many stages of the [`Request`] the series have been through: the first so many.
    ///
    /// If it is none, series without a finite point in the range of the query are passed over, and
    /// so are points that are not finite or outside [`Request::reads`]. Otherwise the source has
    /// done that, in the way of [`Stage`].
    fn done(&self) -> usize {
        0
    }

    /// The number of series.
    fn series(&self) -> usize;

    /// The tags of a series, which is numbered from 0; of two series they differ.
    fn tags(&self, n: usize) -> &Tags;

    /// Keys of tags that members of this series had and it does not, sorted.
    fn aggregated_tags(&self, _n: usize) -> &[String] {
        &[]
    }

    /// Points of all series together, if that is known before they are read.
    fn points(&self) -> Option<usize> {
        None
    }

    /// Series and points that were read to make these, where stages have been done.
    fn spent(&self) -> Spent {
        Spent::default()
    }

    /// Hands the points of a series to `take`, ascending strictly in time, in pieces of any size,
    /// until there are no more or `take` breaks.
    ///
    /// # Errors
    ///
    /// As for [`SeriesSource::select`].
    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError>;
}

/// Takes a piece of a series: instants, and as many values.
pub type Take<'a> = dyn FnMut(&[Timestamp], &[f64]) -> ControlFlow<()> + 'a;

/// Series and points that a source has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Series.
    pub series: usize,
    /// Points.
    pub points: usize,
}

/// What a source would do for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prospect {
    /// How many of the request's stages it does itself: the first so many.
    pub done: usize,
    /// About how many series it reads.
    pub series: Option<u64>,
    /// About how many points it reads.
    pub points: Option<u64>,
}

/// Series that stand in memory.
struct Selected(Vec<TimeSeries>);

impl Selected {
    fn at(&self, n: usize) -> &TimeSeries {
        self.0.get(n).expect("there are that many series")
    }
}

impl Selection for Selected {
    fn series(&self) -> usize {
        self.0.len()
    }

    fn tags(&self, n: usize) -> &Tags {
        self.at(n).tags()
    }

    fn points(&self) -> Option<usize> {
        Some(self.0.iter().map(TimeSeries::len).sum())
    }

    fn read(&self, n: usize, take: &mut Take<'_>) -> Result<(), SourceError> {
        let series = self.at(n);
        let _: ControlFlow<()> = take(series.timestamps(), series.values());
        Ok(())
    }
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
