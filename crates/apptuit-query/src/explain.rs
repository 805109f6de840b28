//! What evaluating a plan would do, told without doing it.

use std::fmt::{self, Write as _};

use apptuit_model::TimeRange;

use crate::error::Fault;
use crate::limits::Limits;
use crate::operators::fetch::Fetch;
use crate::operators::stage::Stage;
use crate::plan::{Instruction, Operation, Plan};
use crate::source::{Request, SeriesSource};

/// What evaluating a plan would do. `Display` prints it for people:
///
/// ```
/// use apptuit_model::{TimeRange, TimeSeries, Timestamp};
/// use apptuit_query::{Engine, MemorySource, parse};
///
/// let points = (0..360).map(|n| (Timestamp::from_secs(n * 10), 1.0));
/// let source: MemorySource = [TimeSeries::from_points("node.cpu", points)].into();
/// let text = "used = 100; used = used.sub(fetch('node.cpu').downsample('1m', 'avg').sum())";
/// let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(3600));
///
/// let engine = Engine::default();
/// let plan = engine.plan(&parse(text)?)?;
/// let explained = engine.explain(&plan, range, &source.helping(1))?.to_string();
/// let expected = [
///     "1: the number 100",
///     "2: fetch `node.cpu` from 0 to 3600: 1 series, 360 points",
///     "   in the source: downsample('1m', 'avg')",
///     "   in the engine: sum()",
///     "3: 1 sub 2",
///     "output `used`: 3",
///     "reads 1 of 10000 series, 360 of 10000000 points",
///     "",
/// ];
/// assert_eq!(explained, expected.join("\n"));
/// # Ok::<(), apptuit_query::QueryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    text: String,
    series: Option<u64>,
    points: Option<u64>,
}

impl Explanation {
    /// About how many series are read, if the source can tell.
    pub fn series(&self) -> Option<u64> {
        self.series
    }

    /// About how many points are read, if the source can tell.
    pub fn points(&self) -> Option<u64> {
        self.points
    }

    pub(crate) fn of(
        plan: &Plan,
        limits: &Limits,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<Self, Fault> {
        let mut told = Self { text: String::new(), series: Some(0), points: Some(0) };
        for (n, instruction) in plan.instructions.iter().enumerate() {
            told.tell(n + 1, instruction, range, source)?;
        }
        for output in &plan.outputs {
            told.line(format_args!("output `{}`: {}", output.id, output.slot + 1));
        }
        let (series, points) = (about(told.series), about(told.points));
        told.line(format_args!(
            "reads {series} of {} series, {points} of {} points",
            limits.max_series, limits.max_points
        ));
        Ok(told)
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// Slots count from 1 here, as lines do.
    fn tell(
        &mut self,
        n: usize,
        instruction: &Instruction,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<(), Fault> {
        match &instruction.operation {
            Operation::Number(number) => self.line(format_args!("{n}: the number {number}")),
            Operation::Fetch(fetch) => self.tell_fetch(n, fetch, instruction, range, source)?,
            Operation::Filter { input, matcher } => {
                self.line(format_args!("{n}: {} where {}", input + 1, matcher.0));
            }
            Operation::Stages { input, stages } => {
                self.line(format_args!("{n}: {} {}", input + 1, listed(stages)));
            }
            Operation::Top { input, top } => {
                self.line(format_args!("{n}: {} top{}()", input + 1, top.0));
            }
            Operation::Arithmetic { left, right, arithmetic } => {
                self.line(format_args!("{n}: {} {arithmetic} {}", left + 1, right + 1));
            }
        }
        Ok(())
    }

    fn tell_fetch(
        &mut self,
        n: usize,
        fetch: &Fetch,
        instruction: &Instruction,
        range: TimeRange,
        source: &dyn SeriesSource,
    ) -> Result<(), Fault> {
        let span = instruction.span;
        let request = Request::new(&fetch.selector, range, &fetch.stages);
        let prospect = source.foresee(&request).map_err(|error| Fault::of_source(&error, span))?;
        let prospect = prospect.ok_or_else(|| fetch.unknown(span))?;
        let matchers = fetch.selector.matchers.iter().map(ToString::to_string).collect::<Vec<_>>();
        let filters = match matchers.as_slice() {
            [] => String::new(),
            matchers => format!(" where {}", matchers.join(" and ")),
        };
        let (metric, reads) = (&fetch.selector.metric, request.reads());
        let (series, points) = (about(prospect.series), about(prospect.points));
        self.line(format_args!(
            "{n}: fetch `{metric}`{filters} from {} to {}: {series} series, {points} points",
            reads.start(),
            reads.end()
        ));
        let (done, rest) =
            fetch.stages.split_at_checked(prospect.done).unwrap_or((&fetch.stages, &[]));
        for (place, stages) in [("source", done), ("engine", rest)] {
            if !stages.is_empty() {
                self.line(format_args!("   in the {place}: {}", listed(stages)));
            }
        }
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        self.series = sum(self.series, prospect.series);
        self.points = sum(self.points, prospect.points);
        Ok(())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn listed(stages: &[Stage]) -> String {
    stages.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn about(number: Option<u64>) -> String {
    number.map_or_else(|| "an unknown number".to_owned(), |number| number.to_string())
}
