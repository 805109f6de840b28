//! Tree to text: the one form that every layout of a query parses to.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::syntax::Query;
use crate::syntax::ast::{Argument, ArgumentValue, Call, Expression, Primary, Statement};

/// Every statement on a line, strings in single quotes.
impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| writeln!(f, "{};", statement.node))
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assign { name, value } => write!(f, "{} = {value}", name.node),
            Self::Output { names } => {
                f.write_str("output(")?;
                list(f, names.iter().map(|name| &name.node))?;
                f.write_str(")")
            }
            Self::Bare(expression) => write!(f, "{expression}"),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.first.node {
            Primary::Name(name) => f.write_str(name)?,
            // With a fraction, so that the dot of a method is not taken for the number's.
            Primary::Number(number) if !self.methods.is_empty() => write!(f, "{number:?}")?,
            Primary::Number(number) => {
                let text = format!("{number:?}");
                f.write_str(text.strip_suffix(".0").unwrap_or(&text))?;
            }
            Primary::Call(call) => write!(f, "{call}")?,
            Primary::Group(inner) => write!(f, "({inner})")?,
        }
        self.methods.iter().try_for_each(|method| write!(f, ".{method}"))
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name.node)?;
        list(f, &self.arguments)?;
        f.write_str(")")
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(keyword) = &self.keyword {
            write!(f, "{}=", keyword.node)?;
        }
        match &self.value.node {
            ArgumentValue::Text(text) => quoted(f, text),
            ArgumentValue::Flag(true) => f.write_str("True"),
            ArgumentValue::Flag(false) => f.write_str("False"),
            ArgumentValue::Expression(expression) => write!(f, "{expression}"),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> fmt::Result {
    for (n, item) in items.into_iter().enumerate() {
        write!(f, "{}{item}", if n == 0 { "" } else { ", " })?;
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('\'')?;
    for c in text.chars() {
        match c {
            '\\' | '\'' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
