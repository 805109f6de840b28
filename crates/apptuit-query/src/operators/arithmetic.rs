//! Addition, subtraction, multiplication and division of frames and numbers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use apptuit_model::Tags;

use crate::error::Fault;
use crate::frame::{Frame, Series};
use crate::operators::Value;
use crate::run::Run;
use crate::syntax::Span;

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Sub,
    Mult,
    Div,
}

impl Operator {
    /// As written in a query, and in the errors of empty frames.
    const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mult => "mult",
            Self::Div => "div",
        }
    }

    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Sub => left - right,
            Self::Mult => left * right,
            Self::Div => left / right,
        }
    }
}

/// Which series of two frames belong together: those whose kept tags are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    /// These tags are kept.
    On(BTreeSet<String>),
    /// All tags but these are kept.
    Ignore(BTreeSet<String>),
}

impl Matching {
    fn key(&self, tags: &Tags) -> Tags {
        match self {
            Self::On(keys) => tags.filtered(|tag| keys.contains(tag)),
            Self::Ignore(keys) => tags.filtered(|tag| !keys.contains(tag)),
        }
    }
}

/// An operation on two values.
#[derive(Clone, Debug)]
pub(crate) struct Arithmetic {
    pub(crate) operator: Operator,
    pub(crate) matching: Matching,
}

/// As a method without its operand: `sub`, `div on='host'`.
impl fmt::Display for Arithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operator.name())?;
        let (word, keys) = match &self.matching {
            Matching::On(keys) => ("on", keys),
            Matching::Ignore(keys) if keys.is_empty() => return Ok(()),
            Matching::Ignore(keys) => ("ignore", keys),
        };
        let keys = keys.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        write!(f, " {word}='{keys}'")
    }
}

/// `left` and `right` combined; a frame that takes part must not be empty.
pub(crate) fn apply(
    arithmetic: &Arithmetic,
    left: &Value,
    right: &Value,
    run: &Run<'_>,
    span: Span,
) -> Result<Value, Fault> {
    let operator = arithmetic.operator;
    let frame = match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            return Ok(Value::Number(operator.apply(*left, *right)));
        }
        (Value::Frame(left), Value::Number(right)) => {
            refuse_empty(left, operator, "Data Frame on LHS", "LHS", span)?;
            each(left, run, span, |value| operator.apply(value, *right))?
        }
        (Value::Number(left), Value::Frame(right)) => {
            refuse_empty(right, operator, "Data Frame on RHS", "RHS", span)?;
            each(right, run, span, |value| operator.apply(*left, value))?
        }
        (Value::Frame(left), Value::Frame(right)) => {
            refuse_empty(left, operator, "Data Frames", "LHS", span)?;
            refuse_empty(right, operator, "Data Frames", "RHS", span)?;
            matched(arithmetic, left, right, run, span)?
        }
    };
    Ok(Value::Frame(frame))
}

/// The wording is the service's own, which clients may look for.
fn refuse_empty(
    frame: &Frame,
    operator: Operator,
    expected: &str,
    side: &str,
    span: Span,
) -> Result<(), Fault> {
    if !frame.series.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Invalid argument value. Expected non-empty {expected} for operation '{}', \
         got empty {side}.",
        operator.name()
    );
    Err(Fault::value(span, message))
}

fn each(
    frame: &Frame,
    run: &Run<'_>,
    span: Span,
    change: impl Fn(f64) -> f64,
) -> Result<Frame, Fault> {
    let mut output = Vec::with_capacity(frame.series.len());
    for series in &frame.series {
        run.still_wanted(span)?;
        let mut changed = series.emptied();
        for (timestamp, value) in series.iter() {
            changed.points.push(timestamp, change(value));
        }
        output.push(changed);
    }
    Ok(Frame { series: output })
}

fn matched(
    arithmetic: &Arithmetic,
    left: &Frame,
    right: &Frame,
    run: &Run<'_>,
    span: Span,
) -> Result<Frame, Fault> {
    let lefts = keyed(arithmetic, left, "left", span)?;
    let rights: HashMap<Tags, &Series> =
        keyed(arithmetic, right, "right", span)?.into_iter().collect();
    let mut output = Vec::new();
    for (key, left) in lefts {
        run.still_wanted(span)?;
        if let Some(right) = rights.get(&key) {
            output.push(pair(arithmetic.operator, key, left, right));
        }
    }
    Ok(Frame::sorted(output))
}

/// The series with their match keys, each key once.
fn keyed<'a>(
    arithmetic: &Arithmetic,
    frame: &'a Frame,
    side: &str,
    span: Span,
) -> Result<Vec<(Tags, &'a Series)>, Fault> {
    let keyed: Vec<_> =
        frame.series.iter().map(|s| (arithmetic.matching.key(&s.tags), s)).collect();
    let mut seen = HashSet::with_capacity(keyed.len());
    match keyed.iter().find(|(key, _)| !seen.insert(key)) {
        None => Ok(keyed),
        Some((key, _)) => {
            let name = arithmetic.operator.name();
            let message = format!("several series on the {side} of `{name}` match as `{key}`");
            Err(Fault::value(span, message)
                .hint("aggregate that side first, or match on more tags"))
        }
    }
}

/// Values at the instants that both have.
fn pair(operator: Operator, tags: Tags, left: &Series, right: &Series) -> Series {
    let aggregated = left.aggregated_tags.iter().chain(&right.aggregated_tags);
    let aggregated: BTreeSet<_> = aggregated.filter(|key| tags.get(key).is_none()).collect();
    let aggregated = aggregated.into_iter().cloned().collect();
    let mut output = Series::new(tags, aggregated);
    let mut rights = right.iter().peekable();
    for (timestamp, value) in left.iter() {
        while rights.next_if(|(earlier, _)| *earlier < timestamp).is_some() {}
        if let Some((_, other)) = rights.next_if(|(same, _)| *same == timestamp) {
            output.points.push(timestamp, operator.apply(value, other));
        }
    }
    output
}
