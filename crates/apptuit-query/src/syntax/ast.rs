//! The tree of a query.
//!
//! Chains of methods are lists, and parentheses around a value are not in it: without operators
//! they change nothing. So only arguments nest.

use crate::syntax::span::{Span, Spanned};

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    /// `name = value`
    Assign { name: Spanned<String>, value: Expression },
    /// `output(name, …)`
    Output { names: Vec<Spanned<String>> },
    /// A value without a name.
    Bare(Expression),
}

/// A value: something first, then methods applied to it from left to right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) first: Spanned<Primary>,
    pub(crate) methods: Vec<Call>,
}

/// What a chain starts with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Primary {
    Name(String),
    Number(f64),
    Call(Call),
}

impl Primary {
    /// The call it is, if it is one.
    pub(crate) fn call(&self) -> Option<&Call> {
        match self {
            Self::Call(call) => Some(call),
            _ => None,
        }
    }
}

/// A call of a function or a method.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: Spanned<String>,
    pub(crate) arguments: Vec<Argument>,
    /// From the name to the closing parenthesis.
    pub(crate) span: Span,
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.arguments == other.arguments
    }
}

/// One argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    pub(crate) keyword: Option<Spanned<String>>,
    pub(crate) value: Spanned<ArgumentValue>,
}

impl Argument {
    /// The value, if it is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value.node {
            ArgumentValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value, if it is an expression.
    pub(crate) fn expression(&self) -> Option<&Expression> {
        match &self.value.node {
            ArgumentValue::Expression(expression) => Some(expression),
            _ => None,
        }
    }
}

/// The value of an argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ArgumentValue {
    Text(String),
    Flag(bool),
    Expression(Expression),
}
