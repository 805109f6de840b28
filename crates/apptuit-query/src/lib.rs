//! Query text in, series out, from any source of series.
//!
//! A query is statements, run from top to bottom over one range of time. A value is a frame (a set
//! of series) or a number; methods turn frames into frames, strictly from left to right:
//!
//! ```text
//! idle = fetch('node.cpu').tag_filter('type==idle').downsample('1m', 'avg');
//! used = 100;
//! used = used.sub(idle);        # a number with a frame: every value of every series
//! output(used)                  # without it, the last statement is the output
//! ```
//!
//! | word | what it does |
//! | --- | --- |
//! | `fetch('metric')` | all series of a metric in the range |
//! | `fetch('metric', rate='counter')` | their changes per second; also `'true'` (may fall), `'delta'` (not per second); `dropcounterresets='true'` leaves out falls |
//! | `fetch('metric', align='15s')` | instants moved down to a grid, where a later value replaces an earlier one |
//! | `.tag_filter('key==value')` | keeps series by a tag; also `=`, `!=`, `=~`, `!~` |
//! | `.downsample('1m', 'avg')` | one value a bucket of time; also `sum min max count first last`, `stddev dev stdvar` (of the whole population), `median p50 p75 p90 p95 p99 p999` |
//! | `.sum(by='host')` | one series a group, also `avg min max count stddev stdvar`; `without=` groups by the rest |
//! | `.series_max()` | one value a series, at the start of the range; also `series_` with `sum min avg count first last` |
//! | `.top5()` | the five largest values of each instant |
//! | `.add(x)` `.sub(x)` `.mult(x)` `.div(x)` | arithmetic with numbers, or with frames whose tags match; `on=`, `ignore=` |
//!
//! A change stands at the later of its two points. For the first point in the range the earlier one
//! is the latest before the range, at most an hour back.
//! A result that is not finite, as of `0/0`, is a missing point.
//!
//! [`parse`] makes a [`Query`], [`Engine::plan`] a checked [`Plan`] of it, and [`Engine::run_plan`]
//! evaluates that against a [`SeriesSource`], within [`Limits`]; [`Engine::run`] does the last two in
//! one go. [`Engine::explain`] tells what would be done. [`MemorySource`] is a source for tests and
//! for programs without a store.
//!
//! Points are read in pieces and go through all they can on the way, on several threads, and values
//! are always taken in the order of time and of the series: the answer does not depend on the number
//! of threads. Who writes queries is helped by [`check`], [`complete`], [`functions`] and
//! [`Query::advice`]. Nothing here reads a clock, a file or a socket.

#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod advice;
mod complete;
mod engine;
mod error;
mod explain;
mod frame;
mod functions;
mod limits;
mod memory;
mod names;
mod operators;
mod pipeline;
mod plan;
mod run;
mod source;
mod suggest;
mod syntax;
mod template;

pub use complete::{Candidate, CandidateKind, Completion, complete};
pub use engine::{Answer, Engine, Output, OutputSeries, check};
pub use error::{QueryError, QueryErrorKind};
pub use explain::Explanation;
pub use functions::{ArgumentHelp, FunctionHelp, functions};
pub use limits::Limits;
pub use memory::MemorySource;
pub use names::Names;
pub use operators::aggregate::{Aggregate, Grouping};
pub use operators::percentile::Percentile;
pub use operators::rate::{Change, Rate};
pub use operators::reduce::Reducer;
pub use operators::stage::Stage;
pub use plan::Plan;
pub use source::{Prospect, Request, Selection, SeriesSource, SourceError, Spent, Take};
pub use syntax::{Query, Span, parse};
pub use template::expand;
