//! What the words before a place say of it.

use crate::functions::{self, Parameter, Signature};
use crate::syntax::Spanned;
use crate::syntax::token::Token;

/// Calls and variables that are followed back to a metric.
const MAX_STEPS: usize = 200;

/// The whole words before a place.
#[derive(Clone, Copy)]
pub(super) struct Words<'a>(pub(super) &'a [Spanned<Token>]);

/// A call that is still open.
pub(super) struct OpenCall<'a> {
    pub(super) name: &'a str,
    /// `None` for `output`, and for what is not known.
    pub(super) signature: Option<&'static Signature>,
    /// The index of its parenthesis among the words.
    pub(super) open: usize,
    /// Commas before the place.
    pub(super) position: usize,
}

impl OpenCall<'_> {
    pub(super) fn parameter(&self, keyword: Option<&str>) -> Option<&'static Parameter> {
        let signature = self.signature?;
        match keyword {
            Some(keyword) => signature.keywords.iter().find(|known| known.name == keyword),
            None => signature.positional.get(self.position),
        }
    }
}

impl<'a> Words<'a> {
    /// The innermost call that is open at the place.
    pub(super) fn open_call(self) -> Option<OpenCall<'a>> {
        let (mut closed, mut position) = (0_usize, 0);
        for (index, word) in self.0.iter().enumerate().rev() {
            match word.node {
                Token::Close => closed += 1,
                Token::Open if closed > 0 => closed -= 1,
                Token::Open => {
                    let Token::Name(name) = self.node(index.checked_sub(1)?)? else { return None };
                    let signature = if name == "fetch" {
                        Some(&functions::FETCH)
                    } else {
                        functions::method(&Spanned::new(name.clone(), word.span))
                            .ok()
                            .map(|(_, signature)| signature)
                    };
                    return Some(OpenCall { name, signature, open: index, position });
                }
                Token::Comma if closed == 0 => position += 1,
                Token::Semicolon => return None,
                _ => {}
            }
        }
        None
    }

    /// The metric of the chain to which the call with this parenthesis belongs.
    pub(super) fn metric_of(self, open: usize) -> Option<&'a str> {
        // Before it the method's name and a dot.
        let mut last = open.checked_sub(3)?;
        let mut limit = self.0.len();
        for _ in 0..MAX_STEPS {
            match self.node(last)? {
                Token::Close => {
                    let open = self.opened_by(last)?;
                    let name = open.checked_sub(1).and_then(|name| self.node(name));
                    match (name, self.node(open + 1)) {
                        (Some(Token::Name(name)), Some(Token::Text(metric))) if name == "fetch" => {
                            return Some(metric);
                        }
                        (Some(Token::Name(_)), _) => last = open.checked_sub(3)?,
                        // Parentheses around a value.
                        _ => last = last.checked_sub(1)?,
                    }
                }
                Token::Name(name) => {
                    limit = limit.min(last);
                    let assigned = (0..limit).rev().find(|at| self.assigned(*at) == Some(name))?;
                    let rest = self.0.get(assigned..)?;
                    let length = rest.iter().position(|word| word.node.separates())?;
                    limit = assigned;
                    last = (assigned + length).checked_sub(1)?;
                }
                _ => return None,
            }
        }
        None
    }

    /// The index of the parenthesis that the one at `close` closes.
    fn opened_by(self, close: usize) -> Option<usize> {
        let mut closed = 0_usize;
        for index in (0..=close).rev() {
            match self.node(index)? {
                Token::Close => closed += 1,
                Token::Open if closed == 1 => return Some(index),
                Token::Open => closed -= 1,
                _ => {}
            }
        }
        None
    }

    fn node(self, index: usize) -> Option<&'a Token> {
        self.0.get(index).map(|word| &word.node)
    }

    /// The variable whose assignment begins with this word.
    pub(super) fn assigned(self, index: usize) -> Option<&'a str> {
        let begins = match index.checked_sub(1).and_then(|before| self.0.get(before)) {
            Some(before) => before.node.separates(),
            None => true,
        };
        match (self.0.get(index).map(|word| &word.node), self.0.get(index + 1)) {
            (Some(Token::Name(name)), Some(Spanned { node: Token::Assign, .. })) if begins => {
                Some(name)
            }
            _ => None,
        }
    }
}
