//! Series kept by a tag.

use apptuit_model::{MatchOp, TagMatcher};

use crate::error::Fault;
use crate::frame::Frame;
use crate::syntax::Spanned;

/// Two characters before one, so that `==` is not `=` and a value that starts with `=`.
const OPERATORS: [(&str, MatchOp); 5] = [
    ("==", MatchOp::Equal),
    ("=~", MatchOp::Regex),
    ("!=", MatchOp::NotEqual),
    ("!~", MatchOp::NotRegex),
    ("=", MatchOp::Equal),
];

/// A condition on the tags a frame has at that point.
#[derive(Clone, Debug)]
pub(crate) struct Filter(pub(crate) TagMatcher);

impl Filter {
    /// Reads `key==value`; the first place where an operator stands decides.
    pub(crate) fn parse(text: &Spanned<&str>) -> Result<Self, Fault> {
        let found = text.node.char_indices().find_map(|(at, _)| {
            let (key, rest) = text.node.split_at(at);
            OPERATORS.iter().find_map(|(symbol, op)| {
                rest.strip_prefix(symbol).map(|value| (key.trim(), *op, value.trim()))
            })
        });
        let Some((key, op, value)) = found else {
            let message = format!("filter `{}` has no operator", text.node);
            return Err(Fault::value(text.span, message)
                .hint("expected `key==value`, or one of `=`, `!=`, `=~`, `!~`"));
        };
        if key.is_empty() {
            let message = format!("filter `{}` has no tag key", text.node);
            return Err(Fault::value(text.span, message).hint("expected `key==value`"));
        }
        TagMatcher::new(key, op, value)
            .map(Self)
            .map_err(|error| Fault::value(text.span, error.to_string()))
    }

    /// The series that satisfy it.
    pub(crate) fn apply(&self, frame: &Frame) -> Frame {
        let kept = frame.series.iter().filter(|series| self.0.matches(&series.tags));
        Frame { series: kept.cloned().collect() }
    }
}
