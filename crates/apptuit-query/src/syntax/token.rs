//! The words of the language.

use std::fmt;

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Text(String),
    Number(f64),
    Open,
    Close,
    Comma,
    Dot,
    Assign,
    /// `;`
    Semicolon,
    /// A line's end outside parentheses.
    Newline,
    /// `+ - * /` and other operators of arithmetic, which the language does not have.
    Operator(char),
    End,
}

impl Token {
    /// Whether a statement may end before it.
    pub(crate) const fn separates(&self) -> bool {
        matches!(self, Self::Semicolon | Self::Newline | Self::End)
    }
}

/// As an error names it.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}`"),
            Self::Text(_) => f.write_str("a string"),
            Self::Number(number) => write!(f, "number `{number:?}`"),
            Self::Open => f.write_str("`(`"),
            Self::Close => f.write_str("`)`"),
            Self::Comma => f.write_str("`,`"),
            Self::Dot => f.write_str("`.`"),
            Self::Assign => f.write_str("`=`"),
            Self::Semicolon => f.write_str("`;`"),
            Self::Newline => f.write_str("the end of the line"),
            Self::Operator(operator) => write!(f, "`{operator}`"),
            Self::End => f.write_str("the end of the query"),
        }
    }
}
