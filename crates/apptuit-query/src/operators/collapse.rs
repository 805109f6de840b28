//! One value for each series over the whole range.

use crate::engine::Run;
use crate::error::Fault;
use crate::frame::Frame;
use crate::operators::reduce::{Accumulator, Reducer};
use crate::syntax::Span;

/// What becomes of the values of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Collapse(pub(crate) Reducer);

impl Collapse {
    /// The value stands at the start of the range; a series without points has none.
    pub(crate) fn apply(self, frame: &Frame, run: &Run<'_>, span: Span) -> Result<Frame, Fault> {
        let mut series = Vec::with_capacity(frame.series.len());
        let mut taken = Accumulator::new(self.0);
        for input in &frame.series {
            run.still_wanted(span)?;
            let mut output = input.emptied();
            for (_, value) in input.iter() {
                taken.take(value);
            }
            if input.len() > 0 {
                output.push(run.range().start(), taken.finish());
            }
            series.push(output);
        }
        Ok(Frame { series })
    }
}
