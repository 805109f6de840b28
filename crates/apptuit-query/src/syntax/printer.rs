//! Tree to text: on one line a statement, or with a long chain on lines of its own.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::limits::Limits;
use crate::syntax::ast::{Argument, ArgumentValue, Call, Expression, Primary, Statement};
use crate::syntax::{Query, Span};

/// Characters of a line that need no breaking.
const WIDTH: usize = 80;
const INDENT: &str = "    ";

/// Every statement on a line, strings in single quotes.
impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.statements.iter().try_for_each(|statement| writeln!(f, "{};", statement.node))
    }
}

impl Query {
    /// The query laid out for people: where a statement is long, each method has a line.
    ///
    /// It reads the same, and laying it out again changes nothing. A broken chain stands in
    /// parentheses, inside of which the end of a line is a blank. A comment inside a statement
    /// moves before it.
    ///
    /// ```
    /// let text = "cpu=fetch('node.cpu',rate='counter').tag_filter('type==idle')\
    ///             .downsample('1m','avg').avg(by='host')";
    /// let lines = [
    ///     "cpu = (",
    ///     "    fetch('node.cpu', rate='counter')",
    ///     "    .tag_filter('type==idle')",
    ///     "    .downsample('1m', 'avg')",
    ///     "    .avg(by='host')",
    ///     ");",
    /// ];
    /// assert_eq!(apptuit_query::parse(text)?.laid_out(), lines.join("\n") + "\n");
    /// # Ok::<(), apptuit_query::QueryError>(())
    /// ```
    pub fn laid_out(&self) -> String {
        let mut out = String::new();
        let mut comments = self.comments.iter().peekable();
        for (n, statement) in self.statements.iter().enumerate() {
            let end = statement.span.end;
            let next = self.statements.get(n + 1).map_or(usize::MAX, |next| next.span.start);
            while let Some(comment) = comments.next_if(|comment| comment.start < end) {
                push_line(&mut out, 0, self.comment(*comment));
            }
            lay_out(&mut out, &statement.node);
            let same_line = |comment: &&Span| {
                let between = self.text.get(end..comment.start).unwrap_or_default();
                comment.start < next && !between.contains('\n')
            };
            if let Some(comment) = comments.next_if(same_line) {
                out.truncate(out.trim_end().len());
                out.push_str("  ");
                push_line(&mut out, 0, self.comment(*comment));
            }
        }
        comments.for_each(|comment| push_line(&mut out, 0, self.comment(*comment)));
        out
    }

    fn comment(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default().trim_end()
    }
}

fn push_line(out: &mut String, level: usize, text: &str) {
    out.extend(std::iter::repeat_n(INDENT, level));
    out.push_str(text);
    out.push('\n');
}

fn lay_out(out: &mut String, statement: &Statement) {
    let line = format!("{statement};");
    match statement {
        Statement::Assign { name, value } if is_broken(&line, value) => {
            push_line(out, 0, &format!("{} = (", name.node));
            chain(out, value, 1);
            push_line(out, 0, ");");
        }
        Statement::Bare(value) if is_broken(&line, value) => {
            push_line(out, 0, "(");
            chain(out, value, 1);
            push_line(out, 0, ");");
        }
        _ => push_line(out, 0, &line),
    }
}

/// Whether a statement is too long for one line, and has not as many parentheses as a query may
/// have, so that it may get one more.
fn is_broken(line: &str, value: &Expression) -> bool {
    line.chars().count() > WIDTH
        && !value.methods.is_empty()
        && depth(value) < Limits::default().max_depth
}

/// How deep calls stand in calls.
fn depth(value: &Expression) -> usize {
    let calls = value.first.node.call().into_iter().chain(&value.methods);
    let inner = calls.map(|call| {
        let values = call.arguments.iter().filter_map(Argument::expression);
        1 + values.map(depth).max().unwrap_or_default()
    });
    inner.max().unwrap_or_default()
}

/// A line for what comes first and for every method.
fn chain(out: &mut String, value: &Expression, level: usize) {
    let first = &value.first.node;
    call_lines(out, &First(first).to_string(), first.call(), "", level);
    for method in &value.methods {
        call_lines(out, &format!(".{method}"), Some(method), ".", level);
    }
}

/// `text`, which is what comes first or a method. If it is too long for a line and an argument of
/// its call is a chain, the chain is broken in its turn.
fn call_lines(out: &mut String, text: &str, call: Option<&Call>, dot: &str, level: usize) {
    let is_chain =
        |argument: &Argument| argument.expression().is_some_and(|value| !value.methods.is_empty());
    let is_long = level * INDENT.len() + text.chars().count() > WIDTH;
    let Some(call) = call.filter(|call| is_long && call.arguments.iter().any(is_chain)) else {
        push_line(out, level, text);
        return;
    };
    push_line(out, level, &format!("{dot}{}(", call.name.node));
    for (n, argument) in call.arguments.iter().enumerate() {
        match argument.expression() {
            Some(value) if argument.keyword.is_none() => chain(out, value, level + 1),
            _ => push_line(out, level + 1, &argument.to_string()),
        }
        if n + 1 < call.arguments.len() {
            out.truncate(out.trim_end().len());
            out.push_str(",\n");
        }
    }
    push_line(out, level, ")");
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
            Primary::Number(number) if self.methods.is_empty() => {
                let text = format!("{number:?}");
                f.write_str(text.strip_suffix(".0").unwrap_or(&text))
            }
            first => write!(f, "{}", First(first)),
        }?;
        self.methods.iter().try_for_each(|method| write!(f, ".{method}"))
    }
}

/// What comes first, where a method follows.
struct First<'a>(&'a Primary);

impl Display for First<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Primary::Name(name) => f.write_str(name),
            Primary::Call(call) => write!(f, "{call}"),
            // Python takes the sign for that of the whole chain.
            Primary::Number(number) if number.is_sign_negative() => write!(f, "({number:?})"),
            // With a fraction, so that the dot of a method is not taken for the number's.
            Primary::Number(number) => write!(f, "{number:?}"),
        }
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
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            // As regular expressions are mostly written, and as Python too reads it.
            '\\' if characters.peek().is_some_and(|next| "dDsSwW.".contains(*next)) => {
                f.write_char(c)?;
            }
            '\\' | '\'' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            _ => f.write_char(c)?,
        }
    }
    f.write_char('\'')
}
