//! What may be written at a place of a query that is still being written.

mod words;

use crate::functions::{self, FunctionHelp, Kind, Parameter};
use crate::limits::MAX_TEXT_BYTES;
use crate::names::Names;
use crate::syntax::lexer::{Unfinished, unfinished};
use crate::syntax::token::Token;
use crate::syntax::{Span, Spanned};
use words::{OpenCall, Words};

/// Candidates of a completion.
const MAX_CANDIDATES: usize = 50;

/// What may be written at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The part of the text that a candidate replaces: what is written of it already.
    pub span: Span,
    /// At most 50, in the order to show them.
    pub candidates: Vec<Candidate>,
}

/// Something that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub text: String,
    /// What to put into the text: the name with the quotes, parentheses or `=` it needs.
    pub insert: String,
    /// What kind of thing it is.
    pub kind: CandidateKind,
    /// What it means, on one line; empty where the name says all.
    pub about: &'static str,
}

/// What kind of thing a [`Candidate`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CandidateKind {
    /// `fetch` or `output`.
    Function,
    /// A method of a frame or a number.
    Method,
    /// A keyword of a call.
    Argument,
    /// A variable assigned before.
    Variable,
    /// A metric that is stored.
    Metric,
    /// The key of a tag that is stored.
    TagKey,
    /// The value of a tag that is stored.
    TagValue,
    /// A value an argument may have.
    Value,
}

impl CandidateKind {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Method => "method",
            Self::Argument => "argument",
            Self::Variable => "variable",
            Self::Metric => "metric",
            Self::TagKey => "tag key",
            Self::TagValue => "tag value",
            Self::Value => "value",
        }
    }
}

/// What may be written at the byte `at` of `text`, which need not be a query yet.
///
/// Tags are those of the metric whose chain the place belongs to, also by way of variables. There
/// is nothing to complete in a comment, where `at` is no place between two characters, and in a text
/// too long for a query.
///
/// ```
/// # use apptuit_query::{complete, Names};
/// # struct Nothing;
/// # impl Names for Nothing {
/// #     fn metrics(&self, _: &str, _: usize) -> Vec<String> { Vec::new() }
/// #     fn tag_keys(&self, _: Option<&str>, _: &str, _: usize) -> Vec<String> { Vec::new() }
/// #     fn tag_values(&self, _: Option<&str>, _: &str, _: &str, _: usize) -> Vec<String> { Vec::new() }
/// # }
/// let text = "fetch('node.cpu').downs";
/// let completion = complete(text, text.len(), &Nothing);
/// assert_eq!(completion.span.start, 18);
/// assert_eq!(completion.candidates[0].insert, "downsample(");
/// ```
pub fn complete(text: &str, at: usize, names: &dyn Names) -> Completion {
    let Some((before, after)) = text.split_at_checked(at).filter(|_| text.len() <= MAX_TEXT_BYTES)
    else {
        return Completion::default();
    };
    let Unfinished { words, string, in_comment } = unfinished(before);
    if in_comment {
        return Completion { span: Span::new(at, at), ..Completion::default() };
    }
    let mut place = Place { words: Words(&words), before, after, names, candidates: Vec::new() };
    let start = match string {
        Some(start) => place.in_string(start),
        None => place.in_code(),
    };
    let mut candidates = place.candidates;
    candidates.truncate(MAX_CANDIDATES);
    Completion { span: Span::new(start, at + rest_of_word(after, string.is_some())), candidates }
}

/// The bytes of the word that goes on after the place. In a string only what names have counts, so
/// that a missing quote does not make the rest of the line part of it.
fn rest_of_word(after: &str, in_string: bool) -> usize {
    let belongs = |c: char| {
        c.is_ascii_alphanumeric()
            || c == '_'
            || (in_string && (c.is_alphanumeric() || "-./".contains(c)))
    };
    after.find(|c| !belongs(c)).unwrap_or(after.len())
}

/// A place, and what was found for it.
struct Place<'a> {
    words: Words<'a>,
    before: &'a str,
    after: &'a str,
    names: &'a dyn Names,
    candidates: Vec<Candidate>,
}

impl<'a> Place<'a> {
    /// Completes the string that begins at `start`; gives the start of what is replaced.
    fn in_string(&mut self, start: usize) -> usize {
        let content = self.before.get(start + 1..).unwrap_or_default();
        let Some(call) = self.words.open_call() else { return self.before.len() };
        let keyword = match self.words.0 {
            [.., Spanned { node: Token::Name(name), .. }, Spanned { node: Token::Assign, .. }] => {
                Some(name.as_str())
            }
            _ => None,
        };
        let Some(parameter) = call.parameter(keyword) else { return self.before.len() };
        let quote = self.before.get(start..).and_then(|text| text.chars().next()).unwrap_or('\'');
        let written = self.values(parameter.kind, content, call.open);
        for candidate in &mut self.candidates {
            candidate.insert = escaped(&candidate.insert, quote);
        }
        self.before.len() - written
    }

    /// Completes a word; gives the start of what is replaced.
    fn in_code(&mut self) -> usize {
        let end = self.before.len();
        let (prefix, words) = match self.words.0.split_last() {
            Some((Spanned { node: Token::Name(name), span }, rest)) if span.end == end => {
                (name.as_str(), rest)
            }
            Some((Spanned { node: Token::Number(_) | Token::Text(_), span }, _))
                if span.end == end =>
            {
                return end;
            }
            _ => ("", self.words.0),
        };
        self.words = Words(words);
        match words.last().map(|word| &word.node) {
            Some(Token::Dot) => self.functions(prefix, |function| function.is_method),
            None | Some(Token::Semicolon | Token::Newline) => {
                self.variables(prefix);
                self.functions(prefix, |function| !function.is_method);
            }
            Some(Token::Open | Token::Comma) => match self.words.open_call() {
                Some(call) => self.argument(&call, prefix),
                None => self.first(prefix),
            },
            Some(Token::Assign) => match (self.words.open_call(), words) {
                (Some(call), [.., Spanned { node: Token::Name(keyword), .. }, _]) => {
                    if let Some(parameter) = call.parameter(Some(keyword)) {
                        self.quoted(parameter.kind, prefix, call.open);
                    }
                }
                _ => self.first(prefix),
            },
            _ => {}
        }
        end - prefix.len()
    }

    /// What an argument may begin with.
    fn argument(&mut self, call: &OpenCall<'a>, prefix: &str) {
        if call.name == "output" {
            self.variables(prefix);
            return;
        }
        let Some(signature) = call.signature else { return };
        if let Some(parameter) = signature.positional.get(call.position) {
            if parameter.is_operand() {
                self.first(prefix);
            } else {
                self.quoted(parameter.kind, prefix, call.open);
            }
        }
        if call.position < signature.required {
            return;
        }
        let written = self.words.0.get(call.open..).unwrap_or_default();
        let is_written = |parameter: &Parameter| {
            written
                .iter()
                .any(|word| matches!(&word.node, Token::Name(name) if name == parameter.name))
        };
        for parameter in signature.keywords {
            if parameter.name.starts_with(prefix) && !is_written(parameter) {
                let insert = format!("{}=", parameter.name);
                self.push(parameter.name, insert, CandidateKind::Argument, parameter.about);
            }
        }
    }

    /// What a chain may begin with.
    fn first(&mut self, prefix: &str) {
        self.variables(prefix);
        self.functions(prefix, |function| function.name == "fetch");
    }

    fn functions(&mut self, prefix: &str, wanted: impl Fn(&FunctionHelp) -> bool) {
        let is_called = self.after.trim_start_matches(is_name).starts_with('(');
        for function in functions::functions() {
            if !wanted(&function) || !function.name.starts_with(prefix) {
                continue;
            }
            let insert = match (is_called, function.arguments.is_empty()) {
                (true, _) => function.name.to_owned(),
                (false, true) => format!("{}()", function.name),
                (false, false) => format!("{}(", function.name),
            };
            let kind =
                if function.is_method { CandidateKind::Method } else { CandidateKind::Function };
            self.push(function.name, insert, kind, function.about);
        }
    }

    /// The variables assigned in the statements before, the latest first.
    fn variables(&mut self, prefix: &str) {
        let separator = self.words.0.iter().rposition(|word| word.node.separates());
        for index in (0..separator.unwrap_or(0)).rev() {
            if self.candidates.len() == MAX_CANDIDATES {
                return;
            }
            let Some(name) = self.words.assigned(index) else { continue };
            let is_new = self.candidates.iter().all(|candidate| candidate.text != name);
            if name.starts_with(prefix) && is_new {
                self.push(name, name.to_owned(), CandidateKind::Variable, "");
            }
        }
    }

    /// The values of an argument outside of quotes.
    fn quoted(&mut self, kind: Kind, prefix: &str, open: usize) {
        self.values(kind, prefix, open);
        for candidate in &mut self.candidates {
            let close = if kind == Kind::Filter { "" } else { "'" };
            candidate.insert = format!("'{}{close}", escaped(&candidate.insert, '\''));
        }
    }

    /// The values of an argument that begin with what is written; gives the length of that part of
    /// `content` which they replace.
    fn values(&mut self, kind: Kind, content: &str, open: usize) -> usize {
        match kind {
            Kind::Metric => {
                for metric in self.names.metrics(content, MAX_CANDIDATES) {
                    self.push(&metric, metric.clone(), CandidateKind::Metric, "");
                }
                content.len()
            }
            Kind::Filter => self.filter(content, self.words.metric_of(open)),
            Kind::TagKeys => {
                let key = content.rsplit(',').next().unwrap_or_default().trim_start();
                for key in self.names.tag_keys(self.words.metric_of(open), key, MAX_CANDIDATES) {
                    self.push(&key, key.clone(), CandidateKind::TagKey, "");
                }
                key.len()
            }
            _ => {
                for (value, about) in functions::values(kind) {
                    if value.starts_with(content) {
                        self.push(value, value.to_owned(), CandidateKind::Value, about);
                    }
                }
                content.len()
            }
        }
    }

    /// A key, or after an operator a value; regular expressions are not completed.
    fn filter(&mut self, content: &str, metric: Option<&str>) -> usize {
        let Some((key, rest)) = content.find(['=', '!']).map(|at| content.split_at(at)) else {
            let key = content.trim_start();
            for key in self.names.tag_keys(metric, key, MAX_CANDIDATES) {
                self.push(&key, format!("{key}=="), CandidateKind::TagKey, "");
            }
            return key.len();
        };
        let value = ["==", "!=", "="].into_iter().find_map(|operator| rest.strip_prefix(operator));
        let Some(value) = value.filter(|value| !value.starts_with('~')) else { return 0 };
        let value = value.rsplit('|').next().unwrap_or_default().trim_start();
        if value.is_empty() {
            self.push("*", "*".to_owned(), CandidateKind::Value, "any value");
        }
        for value in self.names.tag_values(metric, key.trim(), value, MAX_CANDIDATES) {
            self.push(&value, value.clone(), CandidateKind::TagValue, "");
        }
        value.len()
    }

    fn push(&mut self, text: &str, insert: String, kind: CandidateKind, about: &'static str) {
        self.candidates.push(Candidate { text: text.to_owned(), insert, kind, about });
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// As it stands in a string between these quotes.
fn escaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            _ if c == quote || c == '\\' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}
