//! The table of functions: name, arguments, and what evaluates it.

use std::collections::BTreeSet;

use crate::error::{Fault, QueryErrorKind};
use crate::operators::aggregate::Grouping;
use crate::operators::arithmetic::{Matching, Operator};
use crate::operators::percentile::Percentile;
use crate::operators::reduce::Reducer;
use crate::suggest::nearest;
use crate::syntax::Spanned;
use crate::syntax::ast::{Argument, ArgumentValue, Call, Expression};

/// What a method does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Filter,
    Downsample,
    /// One series a group, instant by instant.
    Aggregate(Reducer),
    Arithmetic(Operator),
    /// One value a series over the whole range.
    Collapse(Reducer),
    /// The largest values of each instant, so many.
    Top(u16),
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) signature: Signature,
}

/// The arguments of a function.
#[derive(Debug)]
pub(crate) struct Signature {
    /// Shown when the arguments are wrong.
    pub(crate) usage: &'static str,
    /// By position: those that must be there, and those that may.
    pub(crate) required: usize,
    pub(crate) positional: &'static [Kind],
    pub(crate) keywords: &'static [(&'static str, Kind)],
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// A string or `True` or `False`.
    TextOrFlag,
    Value,
}

pub(crate) const FETCH: Signature = Signature {
    usage: "fetch('metric')",
    required: 1,
    positional: &[Kind::Text],
    keywords: &[
        ("rate", Kind::TextOrFlag),
        ("dropcounterresets", Kind::TextOrFlag),
        ("align", Kind::TextOrFlag),
    ],
};

const TOP: Signature = nothing("top5()");

const METHODS: [Function; 20] = [
    row(
        "tag_filter",
        Method::Filter,
        Signature {
            usage: "tag_filter('key==value')",
            required: 1,
            positional: &[Kind::Text],
            keywords: &[],
        },
    ),
    row(
        "downsample",
        Method::Downsample,
        Signature {
            usage: "downsample('1m', 'avg')",
            required: 2,
            positional: &[Kind::Text, Kind::Text, Kind::Text],
            keywords: &[("fill", Kind::Text)],
        },
    ),
    row("sum", Method::Aggregate(Reducer::Sum), grouped("sum(by='host')")),
    row("avg", Method::Aggregate(Reducer::Avg), grouped("avg(by='host')")),
    row("min", Method::Aggregate(Reducer::Min), grouped("min(by='host')")),
    row("max", Method::Aggregate(Reducer::Max), grouped("max(by='host')")),
    row("count", Method::Aggregate(Reducer::Count), grouped("count(by='host')")),
    row("stddev", Method::Aggregate(Reducer::StdDev), grouped("stddev(by='host')")),
    row("stdvar", Method::Aggregate(Reducer::StdVar), grouped("stdvar(by='host')")),
    row("add", Method::Arithmetic(Operator::Add), operand("add(x)")),
    row("sub", Method::Arithmetic(Operator::Sub), operand("sub(x)")),
    row("mult", Method::Arithmetic(Operator::Mult), operand("mult(x)")),
    row("div", Method::Arithmetic(Operator::Div), operand("div(x)")),
    row("series_sum", Method::Collapse(Reducer::Sum), nothing("series_sum()")),
    row("series_max", Method::Collapse(Reducer::Max), nothing("series_max()")),
    row("series_min", Method::Collapse(Reducer::Min), nothing("series_min()")),
    row("series_avg", Method::Collapse(Reducer::Avg), nothing("series_avg()")),
    row("series_count", Method::Collapse(Reducer::Count), nothing("series_count()")),
    row("series_first", Method::Collapse(Reducer::First), nothing("series_first()")),
    row("series_last", Method::Collapse(Reducer::Last), nothing("series_last()")),
];

/// The functions of `downsample`, and how each makes one value of many.
const DOWNSAMPLE_FUNCTIONS: [(&str, Reducer); 17] = [
    ("avg", Reducer::Avg),
    ("sum", Reducer::Sum),
    ("min", Reducer::Min),
    ("max", Reducer::Max),
    ("count", Reducer::Count),
    ("first", Reducer::First),
    ("last", Reducer::Last),
    ("stddev", Reducer::StdDev),
    ("dev", Reducer::StdDev),
    ("stdvar", Reducer::StdVar),
    ("median", percentile(500)),
    ("p50", percentile(500)),
    ("p75", percentile(750)),
    ("p90", percentile(900)),
    ("p95", percentile(950)),
    ("p99", percentile(990)),
    ("p999", percentile(999)),
];

const fn percentile(thousandths: u16) -> Reducer {
    Reducer::Percentile(Percentile(thousandths))
}

const fn row(name: &'static str, method: Method, signature: Signature) -> Function {
    Function { name, method, signature }
}

const fn grouped(usage: &'static str) -> Signature {
    let keywords = &[("by", Kind::Text), ("without", Kind::Text)];
    Signature { usage, required: 0, positional: &[], keywords }
}

const fn operand(usage: &'static str) -> Signature {
    let keywords = &[("on", Kind::Text), ("ignore", Kind::Text)];
    Signature { usage, required: 1, positional: &[Kind::Value], keywords }
}

const fn nothing(usage: &'static str) -> Signature {
    Signature { usage, required: 0, positional: &[], keywords: &[] }
}

/// What a method does, and its arguments.
pub(crate) fn method(name: &Spanned<String>) -> Result<(Method, &'static Signature), Fault> {
    if let Some(function) = METHODS.iter().find(|function| function.name == name.node) {
        return Ok((function.method, &function.signature));
    }
    if let Some(digits) = name.node.strip_prefix("top")
        && !digits.is_empty()
        && digits.bytes().all(|digit| digit.is_ascii_digit())
    {
        return match digits.parse::<u16>() {
            Ok(k @ 1..=9999) if !digits.starts_with('0') => Ok((Method::Top(k), &TOP)),
            _ => Err(Fault::new(
                QueryErrorKind::UnknownFunction,
                name.span,
                format!("unknown function `{}`", name.node),
            )
            .hint("`top1` to `top9999` are known")),
        };
    }
    Err(unknown(name, METHODS.iter().map(|function| function.name)))
}

/// The error of a function, not a method, that does not exist.
pub(crate) fn unknown_function(name: &Spanned<String>) -> Fault {
    if METHODS.iter().any(|function| function.name == name.node) {
        let message = format!("`{}` is a method", name.node);
        return Fault::new(QueryErrorKind::UnknownFunction, name.span, message)
            .hint(format!("write `fetch('metric').{}(…)`", name.node));
    }
    unknown(name, ["fetch", "output"])
}

fn unknown(name: &Spanned<String>, known: impl IntoIterator<Item = &'static str>) -> Fault {
    let message = format!("unknown function `{}`", name.node);
    Fault::new(QueryErrorKind::UnknownFunction, name.span, message)
        .meant(nearest(&name.node, known))
}

/// The reducer of a function of `downsample`.
pub(crate) fn downsample_function(name: &Spanned<&str>) -> Result<Reducer, Fault> {
    let known = DOWNSAMPLE_FUNCTIONS.iter().map(|(known, _)| *known);
    if let Some((_, reducer)) = DOWNSAMPLE_FUNCTIONS.iter().find(|(known, _)| *known == name.node) {
        return Ok(*reducer);
    }
    let all = known.clone().collect::<Vec<_>>().join(", ");
    let message = format!("unknown downsample function `{}`: expected one of {all}", name.node);
    Err(Fault::value(name.span, message).meant(nearest(name.node, known)))
}

/// Arguments of a call, checked against a signature.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    call: &'a Call,
    positional: Vec<&'a Argument>,
}

impl<'a> Arguments<'a> {
    /// Checks number, keywords and kinds.
    pub(crate) fn of(call: &'a Call, signature: &Signature) -> Result<Self, Fault> {
        let function = &call.name.node;
        let hint = || format!("write `{}`", signature.usage);
        let mut positional = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for argument in &call.arguments {
            let span = argument.value.span;
            let kind = if let Some(keyword) = &argument.keyword {
                let known = signature.keywords.iter().find(|(name, _)| *name == keyword.node);
                let Some((name, kind)) = known else {
                    return Err(unknown_keyword(function, keyword, signature));
                };
                if seen.contains(name) {
                    let message = format!("`{function}` has two arguments `{name}`");
                    return Err(Fault::argument(keyword.span, message));
                }
                seen.push(name);
                *kind
            } else {
                if !seen.is_empty() {
                    let message = "an argument without a keyword follows one with a keyword";
                    return Err(Fault::argument(span, message));
                }
                let Some(kind) = signature.positional.get(positional.len()) else {
                    let message = format!("`{function}` has too many arguments");
                    return Err(Fault::argument(span, message).hint(hint()));
                };
                positional.push(argument);
                *kind
            };
            let wanted = match (kind, &argument.value.node) {
                (Kind::Text, ArgumentValue::Text(_))
                | (Kind::TextOrFlag, ArgumentValue::Text(_) | ArgumentValue::Flag(_))
                | (Kind::Value, ArgumentValue::Expression(_)) => continue,
                (Kind::Value, _) => "a frame or a number",
                _ => "a string in quotes",
            };
            return Err(Fault::argument(span, format!("`{function}` expects {wanted} here")));
        }
        if positional.len() < signature.required {
            let message = format!("`{function}` has too few arguments");
            return Err(Fault::argument(call.span, message).hint(hint()));
        }
        Ok(Self { call, positional })
    }

    /// The string at a position.
    pub(crate) fn text(&self, position: usize) -> Option<Spanned<&'a str>> {
        text_of(self.positional.get(position)?)
    }

    /// The expression at a position.
    pub(crate) fn expression(&self, position: usize) -> Option<&'a Expression> {
        match &self.positional.get(position)?.value.node {
            ArgumentValue::Expression(expression) => Some(expression),
            _ => None,
        }
    }

    /// The string of a keyword; `True` and `False` as `true` and `false`.
    pub(crate) fn keyword(&self, name: &str) -> Option<Spanned<&'a str>> {
        let named = |argument: &&Argument| {
            argument.keyword.as_ref().is_some_and(|keyword| keyword.node == name)
        };
        text_of(self.call.arguments.iter().find(named)?)
    }

    /// The tags of one of two keywords that exclude each other, with the keyword's place in `pair`.
    fn tag_list(&self, pair: [&str; 2]) -> Result<Option<(usize, BTreeSet<String>)>, Fault> {
        let [first, second] = pair;
        match (self.keyword(first), self.keyword(second)) {
            (Some(_), Some(other)) => {
                let message = format!("`{first}` and `{second}` exclude each other");
                Err(Fault::argument(other.span, message))
            }
            (Some(list), None) => Ok(Some((0, tag_keys(&list)?))),
            (None, Some(list)) => Ok(Some((1, tag_keys(&list)?))),
            (None, None) => Ok(None),
        }
    }

    /// `by=` or `without=`.
    pub(crate) fn grouping(&self) -> Result<Grouping, Fault> {
        Ok(match self.tag_list(["by", "without"])? {
            None => Grouping::By(BTreeSet::new()),
            Some((0, keys)) => Grouping::By(keys),
            Some((_, keys)) => Grouping::Without(keys),
        })
    }

    /// `on=` or `ignore=`.
    pub(crate) fn matching(&self) -> Result<Matching, Fault> {
        Ok(match self.tag_list(["on", "ignore"])? {
            None => Matching::Ignore(BTreeSet::new()),
            Some((0, keys)) => Matching::On(keys),
            Some((_, keys)) => Matching::Ignore(keys),
        })
    }
}

fn text_of(argument: &Argument) -> Option<Spanned<&str>> {
    let text = match &argument.value.node {
        ArgumentValue::Text(text) => text.as_str(),
        ArgumentValue::Flag(true) => "true",
        ArgumentValue::Flag(false) => "false",
        ArgumentValue::Expression(_) => return None,
    };
    Some(Spanned::new(text, argument.value.span))
}

fn unknown_keyword(function: &str, keyword: &Spanned<String>, signature: &Signature) -> Fault {
    let known = || signature.keywords.iter().map(|(name, _)| *name);
    let allowed = known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = if allowed.is_empty() {
        format!("`{function}` has no argument `{}`", keyword.node)
    } else {
        format!("`{function}` has no argument `{}`: expected {allowed}", keyword.node)
    };
    Fault::argument(keyword.span, message).meant(nearest(&keyword.node, known()))
}

/// Keys separated by commas; blanks around them do not count.
fn tag_keys(list: &Spanned<&str>) -> Result<BTreeSet<String>, Fault> {
    let keys: BTreeSet<String> = list.node.split(',').map(|key| key.trim().to_owned()).collect();
    if keys.iter().any(String::is_empty) {
        let message = format!("`{}` has an empty tag key", list.node);
        return Err(Fault::value(list.span, message).hint("expected keys such as `host,cpu`"));
    }
    Ok(keys)
}
