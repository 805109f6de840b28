//! Series from the source.

use apptuit_model::Selector;

use crate::error::{Fault, QueryErrorKind};
use crate::frame::Frame;
use crate::operators::stage::Stage;
use crate::pipeline::{self, Origin};
use crate::run::Run;
use crate::source::{Request, SeriesSource};
use crate::syntax::Span;

/// What is read, and what becomes of it on the way.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub(crate) selector: Selector,
    /// Changes and the grid first, then the methods that follow the fetch.
    pub(crate) stages: Vec<Stage>,
}

impl Fetch {
    /// The selected series that have points in the range, after the stages: those the source has
    /// not done are done here.
    pub(crate) fn apply(
        &self,
        source: &dyn SeriesSource,
        run: &Run<'_>,
        span: Span,
    ) -> Result<Frame, Fault> {
        let selected = source.open(&Request::new(&self.selector, run.range(), &self.stages));
        let selected = selected.map_err(|error| Fault::of_source(&error, span))?;
        let selection = selected.ok_or_else(|| self.unknown(span))?;
        let done = selection.done();
        let rest = self.stages.get(done..).unwrap_or_default();
        if done > 0 {
            let spent = selection.spent();
            run.count_read(spent.series, spent.points, span)?;
            return pipeline::run(&*selection, Origin::HelpfulSource, rest, run, span);
        }
        // Early: what is known to be too much is not begun.
        run.check_read(selection.series(), selection.points().unwrap_or(0), span)?;
        run.count_read(selection.series(), 0, span)?;
        pipeline::run(&*selection, Origin::Source, rest, run, span)
    }

    /// The wording is the service's own, which clients may look for.
    pub(crate) fn unknown(&self, span: Span) -> Fault {
        let message = format!("Requested metrics({}) not found", self.selector.metric);
        Fault::new(QueryErrorKind::UnknownMetric, span, message)
    }
}
