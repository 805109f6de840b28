//! A checked plan, run against a source or explained.

use apptuit_model::{TimeRange, TimeSeries};

use crate::error::QueryError;
use crate::explain::Explanation;
use crate::limits::Limits;
use crate::plan::Plan;
use crate::run::Run;
use crate::source::SeriesSource;
use crate::syntax::{Query, parse};

/// Runs queries within limits.
///
/// ```
/// use apptuit_model::{Selector, TimeRange, TimeSeries, Timestamp};
/// use apptuit_query::{Engine, Limits, SeriesSource, SourceError, parse};
///
/// struct OneSeries;
///
/// impl SeriesSource for OneSeries {
///     fn select(
///         &self,
///         _: &Selector,
///         range: TimeRange,
///     ) -> Result<Option<Vec<TimeSeries>>, SourceError> {
///         let point = (range.start(), 20.0);
///         Ok(Some(vec![TimeSeries::from_points("room.celsius", [point])]))
///     }
/// }
///
/// let query = parse("fetch('room.celsius').mult(2)")?;
/// let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
/// let answer = Engine::new(Limits::default()).run(&query, range, &OneSeries)?;
/// assert_eq!(answer.outputs[0].series[0].series.values(), [40.0]);
/// # Ok::<(), apptuit_query::QueryError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Engine {
    limits: Limits,
}

impl Engine {
    /// An engine whose queries stay within `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Checks the whole query, and lays out its evaluation. Nothing is read.
    ///
    /// # Errors
    ///
    /// The query does not pass the checks.
    pub fn plan(&self, query: &Query) -> Result<Plan, QueryError> {
        Plan::of(query, self.limits.max_depth)
            .map_err(|fault| QueryError::new(fault, query.shared_text()))
    }

    /// Plans a query, then evaluates it over `range`.
    ///
    /// # Errors
    ///
    /// The query does not pass the checks (before anything is read), fetches a metric nobody
    /// wrote, has an empty frame in arithmetic, or exceeds a limit; or the source failed.
    pub fn run(
        &self,
        query: &Query,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<Answer, QueryError> {
        self.run_plan(&self.plan(query)?, range, source)
    }

    /// Evaluates a plan over `range`.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), but for the checks, which are done.
    pub fn run_plan(
        &self,
        plan: &Plan,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<Answer, QueryError> {
        Run::new(&self.limits, range)
            .answer(plan, source)
            .map_err(|fault| QueryError::new(fault, &plan.text))
    }

    /// What evaluating a plan over `range` would do: what is read, what the source does itself,
    /// and about how much that is. No points are read but those the source estimates from.
    ///
    /// # Errors
    ///
    /// The query fetches a metric nobody wrote, or the source failed.
    pub fn explain(
        &self,
        plan: &Plan,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<Explanation, QueryError> {
        Explanation::of(plan, &self.limits, range, source)
            .map_err(|fault| QueryError::new(fault, &plan.text))
    }
}

/// Whether `text` is a query this engine can run, as far as can be told without data.
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn check(text: &str) -> Result<(), QueryError> {
    let query = parse(text)?;
    Plan::of(&query, Limits::default().max_depth)
        .map(drop)
        .map_err(|fault| QueryError::new(fault, query.shared_text()))
}

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One a name in `output`, in that order.
    pub outputs: Vec<Output>,
    /// Points read from the source, those before the range from which rates are told included.
    pub points_read: u64,
    /// Series read from the source.
    pub series_read: u64,
}

/// One named result.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The variable's name, or for a bare expression the metric of its leftmost fetch.
    pub id: String,
    /// Ordered by their tags; series without points are left out.
    pub series: Vec<OutputSeries>,
}

/// One series of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSeries {
    /// Its name and points, all finite.
    pub series: TimeSeries,
    /// Tags that its members had and it does not, sorted.
    pub aggregated_tags: Vec<String>,
}
