//! Text to words.

use crate::error::Fault;
use crate::syntax::span::{Span, Spanned};
use crate::syntax::token::Token;
use crate::template::{Variable, variable_at};

/// The words of `text`, the last of them [`Token::End`], and the places of its comments.
pub(crate) fn words(text: &str) -> Result<(Vec<Spanned<Token>>, Vec<Span>), Fault> {
    let mut lexer = Lexer::of(text);
    let mut words = Vec::new();
    loop {
        let word = lexer.next()?;
        let ended = word.node == Token::End;
        words.push(word);
        if ended {
            return Ok((words, lexer.comments));
        }
    }
}

/// Words before a place where someone is still writing.
pub(crate) struct Unfinished {
    pub(crate) words: Vec<Spanned<Token>>,
    /// Where a string begins that goes on at the place.
    pub(crate) string: Option<usize>,
    pub(crate) in_comment: bool,
}

/// The words of a text that need not be right: what is no word is passed over.
pub(crate) fn unfinished(text: &str) -> Unfinished {
    let mut lexer = Lexer::of(text);
    let mut words = Vec::new();
    let mut string = None;
    loop {
        lexer.skip_blanks();
        let start = lexer.at;
        match lexer.next() {
            Ok(word) if word.node == Token::End => break,
            Ok(word) => words.push(word),
            Err(_)
                if matches!(text.get(start..).and_then(|t| t.chars().next()), Some('\'' | '"')) =>
            {
                // A template variable in a string does not end it.
                let (end, closed) = raw_string(text, start);
                if !closed && end == text.len() {
                    string = Some(start);
                }
                let content = text.get(start + 1..end - usize::from(closed)).unwrap_or_default();
                words.push(Spanned::new(Token::Text(content.to_owned()), Span::new(start, end)));
                lexer.at = end;
            }
            Err(_) => {}
        }
    }
    if string.is_some() {
        words.pop();
    }
    let in_comment = lexer.comments.last().is_some_and(|comment| comment.end == text.len());
    Unfinished { words, string, in_comment }
}

/// Where a string that begins at `start` ends, and whether its quote does that.
fn raw_string(text: &str, start: usize) -> (usize, bool) {
    let rest = text.get(start..).unwrap_or_default();
    let mut characters = rest.char_indices();
    let quote = characters.next().map(|(_, c)| c);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '\n' => return (start + at, false),
            _ if Some(c) == quote => return (start + at + 1, true),
            _ => {}
        }
    }
    (text.len(), false)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Parentheses open here: inside them a line's end is a blank.
    open: usize,
    comments: Vec<Span>,
}

impl<'a> Lexer<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, at: 0, open: 0, comments: Vec::new() }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes characters while they satisfy `wanted`.
    fn pass_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        let passed = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += passed;
    }

    fn skip_blanks(&mut self) {
        loop {
            let lines_are_blank = self.open > 0;
            self.pass_while(|c| matches!(c, ' ' | '\t' | '\r') || (c == '\n' && lines_are_blank));
            if self.peek() != Some('#') {
                return;
            }
            let start = self.at;
            self.pass_while(|c| c != '\n');
            self.comments.push(Span::new(start, self.at));
        }
    }

    fn next(&mut self) -> Result<Spanned<Token>, Fault> {
        self.skip_blanks();
        let start = self.at;
        let Some(c) = self.peek() else {
            return Ok(Spanned::new(Token::End, Span::new(start, start)));
        };
        if c.is_ascii_alphabetic() || c == '_' {
            self.pass_while(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = self.text.get(start..self.at).unwrap_or_default().to_owned();
            return Ok(Spanned::new(Token::Name(name), Span::new(start, self.at)));
        }
        if c == '\'' || c == '"' {
            return self.string(c);
        }
        let signed = matches!(c, '-' | '+')
            && self.rest().chars().nth(1).is_some_and(|next| next.is_ascii_digit());
        if c.is_ascii_digit() || signed {
            return self.number();
        }
        self.at += c.len_utf8();
        let span = Span::new(start, self.at);
        let token = match c {
            '(' => {
                self.open += 1;
                Token::Open
            }
            ')' => {
                self.open = self.open.saturating_sub(1);
                Token::Close
            }
            ',' => Token::Comma,
            '.' => Token::Dot,
            '=' => Token::Assign,
            ';' => Token::Semicolon,
            '\n' => Token::Newline,
            '+' | '-' | '*' | '/' | '%' => Token::Operator(c),
            _ => return Err(self.stray(c, span)),
        };
        Ok(Spanned::new(token, span))
    }

    /// The error of a character that starts no word.
    fn stray(&self, c: char, span: Span) -> Fault {
        if let Some(variable) = variable_at(self.text.get(span.start..).unwrap_or_default()) {
            return unexpanded(variable, span.start);
        }
        let shown: String = c.escape_default().collect();
        match c {
            '\\' => Fault::syntax(span, "unexpected `\\`")
                .hint("the text looks JSON-escaped: send the query itself"),
            _ if c.is_control() => Fault::syntax(span, format!("unexpected character `{shown}`")),
            _ => Fault::syntax(span, format!("unexpected character `{c}`")),
        }
    }

    /// Digits, a fraction, an exponent. A dot before a letter begins a method, as in `100.sub(x)`.
    fn number(&mut self) -> Result<Spanned<Token>, Fault> {
        let start = self.at;
        self.at += 1;
        self.pass_while(|c| c.is_ascii_digit());
        if let Some(fraction) = self.rest().strip_prefix('.')
            && (!fraction.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                || exponent(fraction) > 0)
        {
            self.at += 1;
            self.pass_while(|c| c.is_ascii_digit());
        }
        self.at += exponent(self.rest());
        let span = Span::new(start, self.at);
        let text = self.text.get(start..self.at).unwrap_or_default();
        if self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return Err(Fault::syntax(span, format!("`{text}` runs into the next word"))
                .hint("a number has no unit; an interval such as `'1m'` is a string"));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Spanned::new(Token::Number(number), span)),
            _ => Err(Fault::syntax(span, format!("number `{text}` is too large"))),
        }
    }

    fn string(&mut self, quote: char) -> Result<Spanned<Token>, Fault> {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => {
                    let span = Span::new(start, self.at);
                    return Err(Fault::syntax(span, format!("string is not closed by `{quote}`")));
                }
                Some(c) if c == quote => break,
                Some('\\') => self.escape(&mut value),
                Some(c) => {
                    if let Some(variable) = variable_at(self.rest()) {
                        return Err(unexpanded(variable, self.at));
                    }
                    value.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        Ok(Spanned::new(Token::Text(value), Span::new(start, self.at)))
    }

    /// A backslash and what follows it. One that escapes nothing stays, for regular expressions.
    fn escape(&mut self, value: &mut String) {
        self.at += 1;
        let Some(c) = self.peek().filter(|c| *c != '\n') else {
            // The string is not closed: the caller says so.
            return;
        };
        match c {
            '\\' | '\'' | '"' => value.push(c),
            'n' => value.push('\n'),
            't' => value.push('\t'),
            'r' => value.push('\r'),
            _ => value.extend(['\\', c]),
        }
        self.at += c.len_utf8();
        // `\$` in a regular expression is a dollar, whatever follows: not a template variable. The
        // same after an escaped backslash, so that both spellings of a string are one.
        if let Some(c @ ('$' | '[')) = self.peek().filter(|_| c == '\\') {
            value.push(c);
            self.at += 1;
        }
    }
}

/// The length of the exponent that `text` begins with, or 0.
fn exponent(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let digits = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    match digits.bytes().take_while(u8::is_ascii_digit).count() {
        0 => 0,
        count => text.len() - digits.len() + count,
    }
}

fn unexpanded(variable: Variable<'_>, start: usize) -> Fault {
    let span = Span::new(start, start + variable.text.len());
    Fault::syntax(span, format!("template variable `{}` is not expanded", variable.text))
        .hint("replace it by a value before sending")
}
