//! What is wrong with a query, and where in its text.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::limits::NARROWER;
use crate::source::SourceError;
use crate::syntax::Span;
use crate::template::variable_at;

/// Characters of a line that are drawn before and after the place of an error.
const DRAWN_AROUND: usize = 80;

/// What kind of thing is wrong with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueryErrorKind {
    /// The text is not a query.
    Syntax,
    /// A name is used before it is assigned.
    UndefinedVariable,
    /// No function or method has this name.
    UnknownFunction,
    /// A call has too many, too few or the wrong kind of arguments.
    InvalidArgument,
    /// An argument has a value that makes no sense there; also an empty frame in arithmetic.
    InvalidArgumentValue,
    /// No series of this metric was ever written.
    UnknownMetric,
    /// The query is too large, or touches too many series or points.
    LimitExceeded,
    /// The query was cancelled, because it took too long.
    Cancelled,
    /// The source of series failed.
    Source,
}

impl QueryErrorKind {
    /// Its name on the wire.
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::Syntax => "ERROR_PARSING_QUERY",
            Self::UndefinedVariable => "ERROR_UNDEFINED_VARIABLE",
            Self::UnknownFunction => "ERROR_UNKNOWN_FUNCTION",
            Self::InvalidArgument => "ERROR_INVALID_FUNCTION_ARGUMENT",
            Self::InvalidArgumentValue => "ERROR_INVALID_FUNCTION_ARGUMENT_VALUE",
            Self::UnknownMetric => "ERROR_FETCHING_FROM_DATASOURCE",
            Self::LimitExceeded => "ERROR_LIMIT_EXCEEDED",
            Self::Cancelled => "ERROR_QUERY_TIMEOUT",
            Self::Source => "ERROR_INTERNAL",
        }
    }
}

/// What is wrong with a query, and where in its text.
///
/// `Display` draws the place:
///
/// ```
/// let error = apptuit_query::check("fetch('node.cpu').downsmaple('1m', 'avg')").unwrap_err();
/// let drawn = [
///     "query error: unknown function `downsmaple`",
///     "  fetch('node.cpu').downsmaple('1m', 'avg')",
///     "                    ^^^^^^^^^^ did you mean `downsample`?",
/// ];
/// assert_eq!(error.to_string(), drawn.join("\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    fault: Box<Fault>,
    text: Arc<str>,
}

impl QueryError {
    pub(crate) fn new(fault: Fault, text: &Arc<str>) -> Self {
        Self { fault: Box::new(fault), text: text.clone() }
    }

    /// What kind of thing is wrong.
    pub fn kind(&self) -> QueryErrorKind {
        self.fault.kind
    }

    /// The kind's name on the wire.
    pub fn error_type(&self) -> &'static str {
        self.fault.kind.error_type()
    }

    /// The place in the text.
    pub fn span(&self) -> Span {
        self.fault.span
    }

    /// The text of the query.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong, on one line, with the hint if there is one.
    pub fn message(&self) -> String {
        match &self.fault.hint {
            Some(hint) => format!("{}, {hint}", self.fault.message),
            None => self.fault.message.clone(),
        }
    }

    /// What may have been meant.
    pub fn hint(&self) -> Option<&str> {
        self.fault.hint.as_deref()
    }

    /// The name of the template variable that is not expanded, if that is what is wrong.
    pub fn template_variable(&self) -> Option<&str> {
        let Span { start, end } = self.fault.span;
        let place = self.text.get(start..end)?;
        let variable = variable_at(place).filter(|variable| variable.text == place)?;
        (self.fault.kind == QueryErrorKind::Syntax).then_some(variable.name)
    }

    /// The line of the place, counted from 1.
    pub fn line(&self) -> usize {
        1 + self.before().matches('\n').count()
    }

    /// The bytes before the place in its line.
    pub fn column(&self) -> usize {
        let before = self.before();
        before.len() - before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn before(&self) -> &str {
        self.text.get(..self.fault.span.start).unwrap_or(&self.text)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query error: {}", self.fault.message)?;
        let before = self.before();
        let line_start = before.len() - self.column();
        let line = self.text.get(line_start..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default().trim_end();
        let start = self.column().min(line.len());
        let end = self.fault.span.end.saturating_sub(line_start).clamp(start, line.len());
        let (head, rest) = line.split_at_checked(start).unwrap_or((line, ""));
        let (marked, tail) = rest.split_at_checked(end - start).unwrap_or((rest, ""));

        let skipped = head.chars().count().saturating_sub(DRAWN_AROUND);
        let mut drawn = if self.text.trim_end().contains('\n') {
            format!("line {}: ", self.line())
        } else {
            String::new()
        };
        drawn.push_str(if skipped > 0 { "…" } else { "" });
        drawn.extend(head.chars().skip(skipped));
        let indent = drawn.chars().count();
        let cut = marked.chars().count() > DRAWN_AROUND;
        drawn.extend(marked.chars().take(DRAWN_AROUND));
        let carets = marked.chars().take(DRAWN_AROUND).count().max(1);
        if !cut {
            drawn.extend(tail.chars().take(DRAWN_AROUND));
        }
        drawn.push_str(if cut || tail.chars().count() > DRAWN_AROUND { "…" } else { "" });
        // A tab or a control character would move the caret away from its place.
        let drawn: String = drawn.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        write!(f, "\n  {drawn}\n  {:indent$}{}", "", "^".repeat(carets))?;
        match self.hint() {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}

impl Error for QueryError {}

/// A [`QueryError`] that does not hold the text yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    kind: QueryErrorKind,
    span: Span,
    message: String,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(kind: QueryErrorKind, span: Span, message: impl Into<String>) -> Self {
        Self { kind, span, message: message.into(), hint: None }
    }

    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::Syntax, span, message)
    }

    pub(crate) fn argument(span: Span, message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::InvalidArgument, span, message)
    }

    pub(crate) fn value(span: Span, message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::InvalidArgumentValue, span, message)
    }

    pub(crate) fn limit(span: Span, message: impl Into<String>) -> Self {
        Self::new(QueryErrorKind::LimitExceeded, span, message)
    }

    pub(crate) fn of_source(error: &SourceError, span: Span) -> Self {
        let fault = |kind| Self::new(kind, span, error.to_string());
        match error {
            SourceError::LimitExceeded { .. } => {
                fault(QueryErrorKind::LimitExceeded).hint(NARROWER)
            }
            SourceError::Cancelled => fault(QueryErrorKind::Cancelled),
            SourceError::Failed { .. } => fault(QueryErrorKind::Source),
        }
    }

    /// With a hint: a clause that follows the message or the caret.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With "did you mean", if something near is known.
    pub(crate) fn meant(self, near: Option<&str>) -> Self {
        match near {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, start: usize, end: usize) -> QueryError {
        let fault = Fault::syntax(Span::new(start, end), "bad").hint("look");
        QueryError::new(fault, &Arc::from(text))
    }

    #[test]
    fn the_line_is_named_where_there_are_several() {
        let error = error("A=1;\nB=2;\nC=é x;", 15, 16);
        assert_eq!((error.line(), error.column()), (3, 5));
        assert_eq!(error.to_string(), "query error: bad\n  line 3: C=é x;\n              ^ look");
    }

    #[test]
    fn a_place_at_the_end_and_one_over_several_lines_are_drawn() {
        assert_eq!(error("ab", 2, 2).to_string(), "query error: bad\n  ab\n    ^ look");
        assert_eq!(
            error("a(\nb)", 1, 5).to_string(),
            "query error: bad\n  line 1: a(\n           ^ look"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let text = format!("{}x{}", "a".repeat(5000), "b".repeat(5000));
        let drawn = error(&text, 5000, 5001).to_string();
        assert!(drawn.len() < 500, "{drawn}");
        let lines: Vec<&str> = drawn.lines().collect();
        let caret = lines[2].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[1].chars().nth(caret), Some('x'));
    }
}
