//! What people are told of the functions.

use super::{DOWNSAMPLE_FUNCTIONS, FETCH, Kind, METHODS, Parameter, Signature, TOP};

/// Intervals that are offered; any other may be written.
const INTERVALS: [(&str, &str); 9] = [
    ("1s", "a second"),
    ("10s", "10 seconds"),
    ("30s", "30 seconds"),
    ("1m", "a minute"),
    ("5m", "5 minutes"),
    ("15m", "15 minutes"),
    ("1h", "an hour"),
    ("1d", "a day"),
    ("1w", "a week"),
];
const RATES: [(&str, &str); 4] = [
    ("true", "change per second, falls included"),
    ("counter", "change per second of a value that only grows"),
    ("delta", "change, not divided by time"),
    ("false", "values as they are"),
];
const SWITCH: [(&str, &str); 2] = [("true", "yes"), ("false", "no")];
const FILLS: [(&str, &str); 1] = [("none", "an empty bucket gives nothing")];

/// A function or a method, for people and for editors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionHelp {
    /// Its name; `top5` stands for `top1` to `top9999`.
    pub name: &'static str,
    /// Whether it follows a value, after a dot.
    pub is_method: bool,
    /// A call.
    pub example: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// First those by position.
    pub arguments: Vec<ArgumentHelp>,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentHelp {
    /// Its name. Those by position are written without it.
    pub name: &'static str,
    /// Whether it is written `name=value`.
    pub is_keyword: bool,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it means, in one line.
    pub about: &'static str,
    /// Values it may have, with one line each; empty if they come from elsewhere.
    pub values: Vec<(&'static str, &'static str)>,
}

/// `fetch`, `output` and all methods.
///
/// ```
/// let functions = apptuit_query::functions();
/// let sum = functions.iter().find(|function| function.name == "sum").expect("a method");
/// assert_eq!((sum.example, sum.arguments[0].name), ("sum(by='host')", "by"));
/// ```
pub fn functions() -> Vec<FunctionHelp> {
    let output = ArgumentHelp {
        name: "name",
        is_keyword: false,
        is_required: true,
        about: "a variable; more may follow",
        values: Vec::new(),
    };
    let output = FunctionHelp {
        name: "output",
        is_method: false,
        example: "output(name)",
        about: "says which variables are answered",
        arguments: vec![output],
    };
    let methods = METHODS.iter().map(|method| help(method.name, true, &method.signature));
    let all = [help("fetch", false, &FETCH), output].into_iter().chain(methods);
    all.chain([help("top5", true, &TOP)]).collect()
}

fn help(name: &'static str, is_method: bool, signature: &Signature) -> FunctionHelp {
    let positional = signature.positional.iter().enumerate();
    let positional = positional.map(|(n, one)| argument(one, false, n < signature.required));
    let keywords = signature.keywords.iter().map(|one| argument(one, true, false));
    let arguments = positional.chain(keywords).collect();
    let Signature { example, about, .. } = *signature;
    FunctionHelp { name, is_method, example, about, arguments }
}

fn argument(parameter: &Parameter, is_keyword: bool, is_required: bool) -> ArgumentHelp {
    let Parameter { name, about, .. } = *parameter;
    ArgumentHelp { name, is_keyword, is_required, about, values: values(parameter.kind) }
}

/// The values a kind of argument may have, as far as they can be listed.
pub(crate) fn values(kind: Kind) -> Vec<(&'static str, &'static str)> {
    match kind {
        Kind::Interval | Kind::Align => INTERVALS.to_vec(),
        Kind::Rate => RATES.to_vec(),
        Kind::Switch => SWITCH.to_vec(),
        Kind::Fill => FILLS.to_vec(),
        Kind::Reducer => {
            DOWNSAMPLE_FUNCTIONS.iter().map(|(name, _, about)| (*name, *about)).collect()
        }
        Kind::Metric | Kind::Filter | Kind::TagKeys | Kind::Operand => Vec::new(),
    }
}
