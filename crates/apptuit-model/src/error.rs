//! What is wrong with which input.

use std::error::Error;
use std::fmt;

/// Characters of a name that a message shows.
const MAX_SHOWN_CHARS: usize = 100;

/// A metric name, a tag key or a set of tags that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// The metric has no name.
    EmptyMetric,
    /// The metric's name has characters outside letters, digits and `- _ . /`.
    InvalidMetric {
        /// The name.
        metric: String,
    },
    /// A tag of this metric has no key.
    EmptyTagKey {
        /// The metric.
        metric: String,
    },
    /// A tag key has characters outside letters, digits and `- _ . /`.
    InvalidTagKey {
        /// The key.
        key: String,
    },
    /// A series needs at least one tag.
    NoTags {
        /// The metric.
        metric: String,
    },
    /// More tags than [`MAX_TAGS`](crate::limits::MAX_TAGS).
    TooManyTags {
        /// The metric.
        metric: String,
        /// How many it has.
        tags: usize,
    },
    /// An encoded name whose tags are not a JSON object.
    InvalidEncodedName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALLOWED: &str = "allowed are letters, digits and `-`, `_`, `.`, `/`";
        match self {
            Self::EmptyMetric => f.write_str("the metric has no name"),
            Self::InvalidMetric { metric } => {
                write!(f, "metric `{}` has an invalid character: {ALLOWED}", Shown(metric))
            }
            Self::EmptyTagKey { metric } => {
                write!(f, "a tag of metric `{}` has no key", Shown(metric))
            }
            Self::InvalidTagKey { key } => {
                write!(f, "tag key `{}` has an invalid character: {ALLOWED}", Shown(key))
            }
            Self::NoTags { metric } => {
                write!(f, "metric `{}` has no tags: expected at least one", Shown(metric))
            }
            Self::TooManyTags { metric, tags } => write!(
                f,
                "metric `{}` has too many tags: {tags}, at most {} are allowed",
                Shown(metric),
                crate::limits::MAX_TAGS
            ),
            Self::InvalidEncodedName { name, reason } => {
                write!(f, "`{}` is not a metric with encoded tags: {reason}", Shown(name))
            }
        }
    }
}

impl Error for NameError {}

/// A name in a message, cut if it is long.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(MAX_SHOWN_CHARS) {
            Some((end, _)) => write!(f, "{}…", &self.0[..end]),
            None => f.write_str(self.0),
        }
    }
}

/// Text that is not a [`Step`](crate::Step).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    text: String,
}

impl StepError {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an interval: expected a whole number above zero and a unit \
             (ms, s, m, h, d, w, n, M or y), such as `1m`",
            self.text
        )
    }
}

impl Error for StepError {}

/// Text that names no [`Sanitizer`](crate::Sanitizer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanitizerError {
    text: String,
}

impl SanitizerError {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl fmt::Display for SanitizerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a sanitize mode: expected `prometheus`, `apptuit`, or nothing for none",
            self.text
        )
    }
}

impl Error for SanitizerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_hundred_characters_is_shown_whole_and_a_longer_one_cut() {
        let metric = "é".repeat(100);
        let whole = NameError::NoTags { metric: metric.clone() }.to_string();
        assert_eq!(whole, format!("metric `{metric}` has no tags: expected at least one"));

        let long = || "é".repeat(101);
        for error in [
            NameError::InvalidMetric { metric: long() },
            NameError::EmptyTagKey { metric: long() },
            NameError::InvalidTagKey { key: long() },
            NameError::NoTags { metric: long() },
            NameError::TooManyTags { metric: long(), tags: 26 },
            NameError::InvalidEncodedName { name: long(), reason: "no".to_owned() },
        ] {
            let text = error.to_string();
            assert!(text.contains(&format!("`{metric}…`")), "{text}");
        }
    }
}
