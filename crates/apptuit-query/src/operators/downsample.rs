//! One value for each bucket of time, series by series.

use apptuit_model::Step;

use crate::engine::Run;
use crate::error::Fault;
use crate::frame::{Frame, Series};
use crate::operators::reduce::{Accumulator, Reducer};
use crate::syntax::Span;

/// Buckets of `step`, counted from the epoch in UTC and named by their start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Downsample {
    pub(crate) step: Step,
    pub(crate) reducer: Reducer,
}

impl Downsample {
    /// A bucket without points gives nothing, and neither does one that starts before the range.
    pub(crate) fn apply(&self, frame: &Frame, run: &Run<'_>, span: Span) -> Result<Frame, Fault> {
        let mut series = Vec::with_capacity(frame.series.len());
        for input in &frame.series {
            run.still_wanted(span)?;
            series.push(self.one(input, run));
        }
        Ok(Frame { series })
    }

    /// One series of it.
    pub(crate) fn one(&self, input: &Series, run: &Run<'_>) -> Series {
        let mut output = input.emptied();
        let mut taken = Accumulator::new(self.reducer);
        let mut open = None;
        for (timestamp, value) in input.iter() {
            let bucket = self.step.floor(timestamp);
            if bucket < run.range().start() {
                continue;
            }
            if let Some(done) = open.replace(bucket).filter(|done| *done != bucket) {
                output.push(done, taken.finish());
            }
            taken.take(value);
        }
        if let Some(done) = open {
            output.push(done, taken.finish());
        }
        output
    }
}
