//! The largest values of each instant.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::error::Fault;
use crate::frame::{Frame, Series};
use crate::run::Run;
use crate::syntax::Span;

/// Points between two questions whether the query is still wanted.
const POINTS_PER_QUESTION: usize = 4096;

/// How many values of an instant stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Top(pub(crate) usize);

impl Top {
    /// Of equal values those of earlier series stay; a series that keeps no point is gone.
    pub(crate) fn apply(self, frame: &Frame, run: &Run<'_>, span: Span) -> Result<Frame, Fault> {
        let mut output: Vec<Series> = frame.series.iter().map(Series::emptied).collect();
        let mut inputs: Vec<_> = frame.series.iter().map(|s| s.iter().peekable()).collect();
        // The next instant of every series: equal ones come in the order of the series.
        let mut next: BinaryHeap<_> = inputs
            .iter_mut()
            .enumerate()
            .filter_map(|(n, input)| input.peek().map(|(instant, _)| Reverse((*instant, n))))
            .collect();
        let mut together = Vec::new();
        let mut unasked = POINTS_PER_QUESTION;
        while let Some(Reverse((instant, _))) = next.peek().copied() {
            if unasked >= POINTS_PER_QUESTION {
                run.still_wanted(span)?;
                unasked = 0;
            }
            while let Some(Reverse((at, n))) = next.peek().copied()
                && at == instant
            {
                next.pop();
                let Some(input) = inputs.get_mut(n) else { continue };
                together.extend(input.next().map(|(_, value)| (value, n)));
                next.extend(input.peek().map(|(later, _)| Reverse((*later, n))));
            }
            unasked += together.len();
            // Stable, so that the order of the series decides between equal values.
            together.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(Ordering::Equal));
            for (value, n) in together.drain(..).take(self.0) {
                if let Some(series) = output.get_mut(n) {
                    series.points.push(instant, value);
                }
            }
        }
        output.retain(|series| series.len() > 0);
        Ok(Frame { series: output })
    }
}
