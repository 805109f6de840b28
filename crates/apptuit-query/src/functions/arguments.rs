//! The arguments of a call, checked against what the table of functions says.

use std::collections::BTreeSet;

use super::{Parameter, Signature};
use crate::error::Fault;
use crate::operators::aggregate::Grouping;
use crate::operators::arithmetic::Matching;
use crate::suggest::nearest;
use crate::syntax::Spanned;
use crate::syntax::ast::{Argument, ArgumentValue, Call, Expression};

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
        let hint = || format!("write `{}`", signature.example);
        let mut positional = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for argument in &call.arguments {
            let span = argument.value.span;
            let parameter = if let Some(keyword) = &argument.keyword {
                let known = signature.keywords.iter().find(|known| known.name == keyword.node);
                let Some(parameter) = known else {
                    return Err(unknown_keyword(function, keyword, signature));
                };
                if seen.contains(&parameter.name) {
                    let message = format!("`{function}` has two arguments `{}`", parameter.name);
                    return Err(Fault::argument(keyword.span, message));
                }
                seen.push(parameter.name);
                parameter
            } else {
                if !seen.is_empty() {
                    let message = "an argument without a keyword follows one with a keyword";
                    return Err(Fault::argument(span, message));
                }
                let Some(parameter) = signature.positional.get(positional.len()) else {
                    let message = format!("`{function}` has too many arguments");
                    return Err(Fault::argument(span, message).hint(hint()));
                };
                positional.push(argument);
                parameter
            };
            if !fits(parameter, &argument.value.node) {
                let wanted = if parameter.is_operand() {
                    "a frame or a number"
                } else {
                    "a string in quotes"
                };
                return Err(Fault::argument(span, format!("`{function}` expects {wanted} here")));
            }
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

fn fits(parameter: &Parameter, value: &ArgumentValue) -> bool {
    match value {
        ArgumentValue::Text(_) => !parameter.is_operand(),
        ArgumentValue::Flag(_) => parameter.may_be_flag(),
        ArgumentValue::Expression(_) => parameter.is_operand(),
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
    let known = || signature.keywords.iter().map(|known| known.name);
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
