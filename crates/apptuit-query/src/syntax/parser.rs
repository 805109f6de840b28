//! Words to tree, by recursive descent: only parentheses recurse, and their depth is bounded.

use crate::error::Fault;
use crate::limits::{MAX_CALLS, MAX_PARSED_DEPTH, MAX_STATEMENTS, MAX_TEXT_BYTES};
use crate::syntax::ast::{Argument, ArgumentValue, Call, Expression, Primary, Statement};
use crate::syntax::lexer;
use crate::syntax::span::{Span, Spanned};
use crate::syntax::token::Token;

/// What a text says.
pub(crate) struct Parsed {
    pub(crate) statements: Vec<Spanned<Statement>>,
    pub(crate) comments: Vec<Span>,
    /// How deep its parentheses nest.
    pub(crate) depth: usize,
}

/// Reads a text.
pub(crate) fn parse(text: &str) -> Result<Parsed, Fault> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("query is too long: {} bytes, at most {MAX_TEXT_BYTES}", text.len());
        return Err(Fault::limit(Span::default(), message));
    }
    let (words, comments) = lexer::words(text)?;
    let mut parser = Parser { words, at: 0, depth: 0, deepest: 0, calls: 0 };
    let statements = parser.query()?;
    Ok(Parsed { statements, comments, depth: parser.deepest })
}

struct Parser {
    words: Vec<Spanned<Token>>,
    at: usize,
    depth: usize,
    deepest: usize,
    calls: usize,
}

impl Parser {
    fn query(&mut self) -> Result<Vec<Spanned<Statement>>, Fault> {
        let mut statements = Vec::new();
        loop {
            while matches!(self.peek(), Token::Semicolon | Token::Newline) {
                self.at += 1;
            }
            if *self.peek() == Token::End {
                break;
            }
            if statements.len() == MAX_STATEMENTS {
                let message = format!("query has more than {MAX_STATEMENTS} statements");
                return Err(Fault::limit(self.span(), message));
            }
            statements.push(self.statement()?);
            self.statement_end()?;
        }
        if statements.is_empty() {
            return Err(Fault::syntax(self.span(), "empty query")
                .hint("the least is a fetch, such as `fetch('node.cpu')`"));
        }
        Ok(statements)
    }

    fn statement(&mut self) -> Result<Spanned<Statement>, Fault> {
        let start = self.span();
        let statement = match (self.peek(), self.peek_second()) {
            (Token::Name(name), Token::Assign) => {
                if matches!(name.as_str(), "fetch" | "output" | "True" | "False") {
                    let message = format!("`{name}` cannot be the name of a variable");
                    return Err(Fault::syntax(start, message));
                }
                let name = self.name()?;
                self.at += 1;
                Statement::Assign { name, value: self.expression()? }
            }
            (Token::Name(name), Token::Open) if name == "output" => {
                self.at += 2;
                Statement::Output { names: self.output_names()? }
            }
            _ => Statement::Bare(self.expression()?),
        };
        Ok(Spanned::new(statement, start.to(self.last_span())))
    }

    /// The names in `output(…)`, after the parenthesis.
    fn output_names(&mut self) -> Result<Vec<Spanned<String>>, Fault> {
        let mut names = Vec::new();
        loop {
            match (self.peek(), self.peek_second()) {
                (Token::Close, _) if names.is_empty() => {
                    return Err(Fault::argument(
                        self.span(),
                        "`output` needs the name of a variable",
                    ));
                }
                (Token::Close, _) => break,
                (Token::Name(_), Token::Comma | Token::Close) => names.push(self.name()?),
                (Token::Name(_), Token::End) => {
                    self.at += 1;
                    return Err(self.unexpected("`,` or `)`"));
                }
                (Token::End, _) => return Err(self.unexpected("the name of a variable")),
                _ => {
                    return Err(Fault::argument(self.span(), "`output` takes names of variables")
                        .hint("assign the value to a name first"));
                }
            }
            if *self.peek() == Token::Comma {
                self.at += 1;
            }
        }
        self.at += 1;
        Ok(names)
    }

    fn statement_end(&mut self) -> Result<(), Fault> {
        if self.peek().separates() {
            return Ok(());
        }
        Err(self.after_value("`;` or the end of the line"))
    }

    /// The error of a word after a value, where operators are likely.
    fn after_value(&self, wanted: &str) -> Fault {
        match self.peek() {
            Token::Operator(operator) => {
                let method = match operator {
                    '+' => "add",
                    '-' => "sub",
                    '*' => "mult",
                    _ => "div",
                };
                let message = format!("the language has no operator `{operator}`");
                Fault::syntax(self.span(), message).hint(format!("write `.{method}(…)`"))
            }
            // The lexer takes `-1` in `A -1` for a number.
            Token::Number(_) => self
                .unexpected(wanted)
                .hint("the language has no operators, write `.add(…)` or `.sub(…)`"),
            Token::Text(_) if self.last_span().end == self.span().start => self
                .unexpected(wanted)
                .hint("a string has no prefix: a backslash in it stays as it is"),
            _ => self.unexpected(wanted),
        }
    }

    fn expression(&mut self) -> Result<Expression, Fault> {
        let mut value = self.first()?;
        while *self.peek() == Token::Dot {
            self.at += 1;
            if !matches!(self.peek(), Token::Name(_)) {
                return Err(self.unexpected("the name of a method"));
            }
            if *self.peek_second() != Token::Open {
                let name = self.name()?;
                let message = format!("method `{}` must be called", name.node);
                return Err(
                    Fault::syntax(name.span, message).hint(format!("write `{}()`", name.node))
                );
            }
            value.methods.push(self.call()?);
        }
        Ok(value)
    }

    /// What a chain starts with; in parentheses it may be a chain, which then goes on.
    fn first(&mut self) -> Result<Expression, Fault> {
        let start = self.span();
        let first = match (self.peek(), self.peek_second()) {
            (Token::Name(name), Token::Open) if name == "output" => {
                return Err(Fault::syntax(start, "`output` is a statement and has no value"));
            }
            (Token::Name(_), Token::Open) => Primary::Call(self.call()?),
            (Token::Name(name), _) if matches!(name.as_str(), "fetch" | "output") => {
                let message = format!("`{name}` is no variable: it must be called");
                return Err(Fault::syntax(start, message));
            }
            (Token::Name(_), _) => Primary::Name(self.name()?.node),
            (Token::Number(number), _) => {
                let number = *number;
                self.at += 1;
                Primary::Number(number)
            }
            (Token::Open, _) => {
                self.deeper()?;
                self.at += 1;
                let inner = self.expression()?;
                if *self.peek() != Token::Close {
                    return Err(self.after_value("`)`"));
                }
                self.at += 1;
                self.depth -= 1;
                return Ok(inner);
            }
            (found, _) => {
                let fault = self.unexpected("a fetch, a variable, a number or `(`");
                let before = self.at.checked_sub(1).and_then(|at| self.words.get(at));
                let goes_on =
                    *found == Token::Dot && before.is_some_and(|word| word.node == Token::Newline);
                return Err(if goes_on {
                    fault.hint("a chain of several lines stands in parentheses")
                } else {
                    fault
                });
            }
        };
        let first = Spanned::new(first, start.to(self.last_span()));
        Ok(Expression { first, methods: Vec::new() })
    }

    /// A name and its arguments; the name and the parenthesis are known to be there.
    fn call(&mut self) -> Result<Call, Fault> {
        self.calls += 1;
        if self.calls > MAX_CALLS {
            let message = format!("query has more than {MAX_CALLS} calls");
            return Err(Fault::limit(self.span(), message));
        }
        let name = self.name()?;
        self.deeper()?;
        self.at += 1;
        let mut arguments = Vec::new();
        while *self.peek() != Token::Close {
            arguments.push(self.argument()?);
            match self.peek() {
                Token::Comma => self.at += 1,
                Token::Close => {}
                _ => return Err(self.after_value("`,` or `)`")),
            }
        }
        self.at += 1;
        self.depth -= 1;
        let span = name.span.to(self.last_span());
        Ok(Call { name, arguments, span })
    }

    fn argument(&mut self) -> Result<Argument, Fault> {
        let keyword = match (self.peek(), self.peek_second()) {
            (Token::Name(_), Token::Assign) => {
                let name = self.name()?;
                self.at += 1;
                Some(name)
            }
            _ => None,
        };
        let start = self.span();
        let value = match (self.peek(), self.peek_second()) {
            (Token::Text(text), _) => {
                let text = text.clone();
                self.at += 1;
                ArgumentValue::Text(text)
            }
            (Token::Name(name), Token::Comma | Token::Close)
                if matches!(name.as_str(), "True" | "False") =>
            {
                let flag = name == "True";
                self.at += 1;
                ArgumentValue::Flag(flag)
            }
            _ => ArgumentValue::Expression(self.expression()?),
        };
        Ok(Argument { keyword, value: Spanned::new(value, start.to(self.last_span())) })
    }

    fn name(&mut self) -> Result<Spanned<String>, Fault> {
        let span = self.span();
        let Token::Name(name) = self.peek() else {
            return Err(self.unexpected("a name"));
        };
        let name = Spanned::new(name.clone(), span);
        self.at += 1;
        Ok(name)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > MAX_PARSED_DEPTH {
            let message = format!("parentheses nest deeper than {MAX_PARSED_DEPTH}");
            return Err(Fault::limit(self.span(), message));
        }
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        Fault::syntax(self.span(), format!("expected {wanted}, found {}", self.peek()))
    }

    fn peek(&self) -> &Token {
        self.words.get(self.at).map_or(&Token::End, |word| &word.node)
    }

    fn peek_second(&self) -> &Token {
        self.words.get(self.at + 1).map_or(&Token::End, |word| &word.node)
    }

    /// The place of the word that comes next.
    fn span(&self) -> Span {
        self.words.get(self.at).or(self.words.last()).map_or_else(Span::default, |word| word.span)
    }

    /// The place of the word read last.
    fn last_span(&self) -> Span {
        let last = self.at.checked_sub(1).and_then(|at| self.words.get(at));
        last.map_or_else(Span::default, |word| word.span)
    }
}
