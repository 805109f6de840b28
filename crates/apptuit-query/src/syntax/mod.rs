//! Query text to tree, and back.

pub(crate) mod ast;
pub(crate) mod lexer;
mod parser;
mod printer;
mod span;
pub(crate) mod token;

use std::sync::Arc;

pub use span::Span;
pub(crate) use span::Spanned;

use crate::error::QueryError;
use ast::Statement;

/// A parsed query. `Display` prints it in one form, with every statement on a line.
///
/// Two queries are equal if they read the same, however they are laid out.
///
/// ```
/// let query = apptuit_query::parse("A = fetch(\"node.cpu\") .sum( by='host' )")?;
/// assert_eq!(query.to_string(), "A = fetch('node.cpu').sum(by='host');\n");
/// # Ok::<(), apptuit_query::QueryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    text: Arc<str>,
    pub(crate) statements: Vec<Spanned<Statement>>,
    comments: Vec<Span>,
    pub(crate) depth: usize,
}

impl Query {
    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn shared_text(&self) -> &Arc<str> {
        &self.text
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.statements == other.statements
    }
}

/// Reads the text of a query.
///
/// Names and arguments are checked when the query runs, or by [`check`](crate::check).
///
/// # Errors
///
/// The text is not in the language, holds a template variable that nobody expanded, is empty, or
/// is too long or too deeply nested.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    let shared: Arc<str> = Arc::from(text);
    match parser::parse(text) {
        Ok(parsed) => {
            let parser::Parsed { statements, comments, depth } = parsed;
            Ok(Query { text: shared, statements, comments, depth })
        }
        Err(fault) => Err(QueryError::new(fault, &shared)),
    }
}
