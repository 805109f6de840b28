//! The table of functions: names, arguments, what evaluates them, and what people are told.

mod arguments;
mod help;

pub(crate) use arguments::Arguments;
pub(crate) use help::values;
pub use help::{ArgumentHelp, FunctionHelp, functions};

use crate::error::{Fault, QueryErrorKind};
use crate::operators::arithmetic::Operator;
use crate::operators::percentile::Percentile;
use crate::operators::reduce::Reducer;
use crate::suggest::nearest;
use crate::syntax::Spanned;

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
    /// A call, also shown when the arguments are wrong.
    pub(crate) example: &'static str,
    /// What the function does, in one line.
    pub(crate) about: &'static str,
    /// By position: those that must be there, and those that may.
    pub(crate) required: usize,
    pub(crate) positional: &'static [Parameter],
    pub(crate) keywords: &'static [Parameter],
}

/// One argument of a function.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it means, in one line.
    pub(crate) about: &'static str,
}

impl Parameter {
    /// Whether it is a frame or a number; the others are strings.
    pub(crate) fn is_operand(&self) -> bool {
        self.kind == Kind::Operand
    }

    /// Whether `True` and `False` stand for the strings `true` and `false`.
    pub(crate) fn may_be_flag(&self) -> bool {
        matches!(self.kind, Kind::Rate | Kind::Switch | Kind::Align)
    }
}

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Metric,
    /// A tag, an operator, a value.
    Filter,
    Interval,
    /// A function of `downsample`.
    Reducer,
    Fill,
    /// Keys of tags, separated by commas.
    TagKeys,
    Rate,
    Switch,
    /// An interval, or `false`.
    Align,
    Operand,
}

pub(crate) const FETCH: Signature = Signature {
    example: "fetch('metric')",
    about: "all series of a metric that have a point in the range",
    required: 1,
    positional: &[parameter("metric", Kind::Metric, "the exact name of a metric")],
    keywords: &[
        parameter("rate", Kind::Rate, "changes from point to point instead of values"),
        parameter("dropcounterresets", Kind::Switch, "no point where a counter falls"),
        parameter("align", Kind::Align, "moves instants down to a grid of this step"),
    ],
};

const TOP: Signature = nothing("top5()", "the five largest values of each instant; 1 to 9999");

const METHODS: [Function; 20] = [
    row(
        "tag_filter",
        Method::Filter,
        Signature {
            example: "tag_filter('key==value')",
            about: "the series whose tag fits",
            required: 1,
            positional: &[parameter(
                "filter",
                Kind::Filter,
                "`key==value`; or `=`, `!=`, `=~`, `!~`",
            )],
            keywords: &[],
        },
    ),
    row(
        "downsample",
        Method::Downsample,
        Signature {
            example: "downsample('1m', 'avg')",
            about: "one value a bucket of time, at its start",
            required: 2,
            positional: &[
                parameter("interval", Kind::Interval, "the length of a bucket"),
                parameter("function", Kind::Reducer, "makes one value of those in a bucket"),
                parameter("fill", Kind::Fill, "what an empty bucket gives: nothing"),
            ],
            keywords: &[parameter("fill", Kind::Fill, "what an empty bucket gives: nothing")],
        },
    ),
    row(
        "sum",
        Method::Aggregate(Reducer::Sum),
        grouped("sum(by='host')", "the sum of each group at each instant"),
    ),
    row(
        "avg",
        Method::Aggregate(Reducer::Avg),
        grouped("avg(by='host')", "the mean of each group at each instant"),
    ),
    row(
        "min",
        Method::Aggregate(Reducer::Min),
        grouped("min(by='host')", "the least value of each group at each instant"),
    ),
    row(
        "max",
        Method::Aggregate(Reducer::Max),
        grouped("max(by='host')", "the greatest value of each group at each instant"),
    ),
    row(
        "count",
        Method::Aggregate(Reducer::Count),
        grouped("count(by='host')", "how many series of each group have a point"),
    ),
    row(
        "stddev",
        Method::Aggregate(Reducer::StdDev),
        grouped("stddev(by='host')", "the standard deviation of each group at each instant"),
    ),
    row(
        "stdvar",
        Method::Aggregate(Reducer::StdVar),
        grouped("stdvar(by='host')", "the variance of each group at each instant"),
    ),
    row(
        "add",
        Method::Arithmetic(Operator::Add),
        operand("add(x)", "the sum with a number, or with the series that match"),
    ),
    row(
        "sub",
        Method::Arithmetic(Operator::Sub),
        operand("sub(x)", "what is left without a number, or without the series that match"),
    ),
    row(
        "mult",
        Method::Arithmetic(Operator::Mult),
        operand("mult(x)", "the product with a number, or with the series that match"),
    ),
    row(
        "div",
        Method::Arithmetic(Operator::Div),
        operand("div(x)", "the ratio to a number, or to the series that match"),
    ),
    row(
        "series_sum",
        Method::Collapse(Reducer::Sum),
        nothing("series_sum()", "the sum of each series over the range"),
    ),
    row(
        "series_max",
        Method::Collapse(Reducer::Max),
        nothing("series_max()", "the greatest value of each series over the range"),
    ),
    row(
        "series_min",
        Method::Collapse(Reducer::Min),
        nothing("series_min()", "the least value of each series over the range"),
    ),
    row(
        "series_avg",
        Method::Collapse(Reducer::Avg),
        nothing("series_avg()", "the mean of each series over the range"),
    ),
    row(
        "series_count",
        Method::Collapse(Reducer::Count),
        nothing("series_count()", "how many points each series has in the range"),
    ),
    row(
        "series_first",
        Method::Collapse(Reducer::First),
        nothing("series_first()", "the first value of each series in the range"),
    ),
    row(
        "series_last",
        Method::Collapse(Reducer::Last),
        nothing("series_last()", "the last value of each series in the range"),
    ),
];

/// The functions of `downsample`, how each makes one value of many, and what people are told.
const DOWNSAMPLE_FUNCTIONS: [(&str, Reducer, &str); 17] = [
    ("avg", Reducer::Avg, "the mean"),
    ("sum", Reducer::Sum, "the sum"),
    ("min", Reducer::Min, "the least value"),
    ("max", Reducer::Max, "the greatest value"),
    ("count", Reducer::Count, "how many points"),
    ("first", Reducer::First, "the first value"),
    ("last", Reducer::Last, "the last value"),
    ("stddev", Reducer::StdDev, "the standard deviation of the whole bucket"),
    ("dev", Reducer::StdDev, "the same as `stddev`"),
    ("stdvar", Reducer::StdVar, "the square of `stddev`"),
    ("median", percentile(500), "the same as `p50`"),
    ("p50", percentile(500), "the 50th percentile"),
    ("p75", percentile(750), "the 75th percentile"),
    ("p90", percentile(900), "the 90th percentile"),
    ("p95", percentile(950), "the 95th percentile"),
    ("p99", percentile(990), "the 99th percentile"),
    ("p999", percentile(999), "the 99.9th percentile"),
];

const fn percentile(thousandths: u16) -> Reducer {
    Reducer::Percentile(Percentile(thousandths))
}

const fn parameter(name: &'static str, kind: Kind, about: &'static str) -> Parameter {
    Parameter { name, kind, about }
}

const fn row(name: &'static str, method: Method, signature: Signature) -> Function {
    Function { name, method, signature }
}

const GROUPING: &[Parameter] = &[
    parameter("by", Kind::TagKeys, "a group for each combination of these tags"),
    parameter("without", Kind::TagKeys, "a group for each combination of all other tags"),
];
const OPERAND: &[Parameter] = &[parameter("operand", Kind::Operand, "a frame or a number")];
const MATCHING: &[Parameter] = &[
    parameter("on", Kind::TagKeys, "series match if these tags are equal"),
    parameter("ignore", Kind::TagKeys, "series match if all other tags are equal"),
];

const fn grouped(example: &'static str, about: &'static str) -> Signature {
    Signature { example, about, required: 0, positional: &[], keywords: GROUPING }
}

const fn operand(example: &'static str, about: &'static str) -> Signature {
    Signature { example, about, required: 1, positional: OPERAND, keywords: MATCHING }
}

const fn nothing(example: &'static str, about: &'static str) -> Signature {
    Signature { example, about, required: 0, positional: &[], keywords: &[] }
}

/// What a method does, and its arguments.
pub(crate) fn method(name: &Spanned<String>) -> Result<(Method, &'static Signature), Fault> {
    if let Some(function) = METHODS.iter().find(|function| function.name == name.node) {
        return Ok((function.method, &function.signature));
    }
    if let Some(digits) = name.node.strip_prefix("top") {
        return match digits.parse::<u16>() {
            // A number may have a sign, or zeros before it.
            Ok(k @ 1..=9999) if digits.starts_with(|c| matches!(c, '1'..='9')) => {
                Ok((Method::Top(k), &TOP))
            }
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
    let known = DOWNSAMPLE_FUNCTIONS.iter().map(|(known, ..)| *known);
    if let Some((_, reducer, _)) =
        DOWNSAMPLE_FUNCTIONS.iter().find(|(known, ..)| *known == name.node)
    {
        return Ok(*reducer);
    }
    let all = known.clone().collect::<Vec<_>>().join(", ");
    let message = format!("unknown downsample function `{}`: expected one of {all}", name.node);
    Err(Fault::value(name.span, message).meant(nearest(name.node, known)))
}
