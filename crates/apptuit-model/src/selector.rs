//! Which series are meant.

use std::fmt;

use regex::{Regex, RegexBuilder};

use crate::Tags;

/// A metric, and what the tags of its series must satisfy.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The exact metric name.
    pub metric: String,
    /// Conditions that all must hold.
    pub matchers: Vec<TagMatcher>,
}

impl Selector {
    /// All series of a metric.
    pub fn metric(metric: impl Into<String>) -> Self {
        Self { metric: metric.into(), matchers: Vec::new() }
    }

    /// Whether a series of this metric with these tags is meant.
    pub fn matches_tags(&self, tags: &Tags) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(tags))
    }
}

/// How a [`TagMatcher`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=` and `==`: equal to the text, or to one of its `|` alternatives, in which `*` stands for
    /// any run of characters. Empty text is met by a series that lacks the tag.
    Equal,
    /// `!=`: the opposite of [`Equal`](Self::Equal).
    NotEqual,
    /// `=~`: the whole value matches a regular expression; a missing tag counts as empty.
    Regex,
    /// `!~`: the opposite of [`Regex`](Self::Regex).
    NotRegex,
}

impl MatchOp {
    /// As written in a query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// A condition on one tag of a series.
///
/// ```
/// use apptuit_model::{MatchOp, TagMatcher, Tags};
///
/// let status = TagMatcher::new("status", MatchOp::Regex, r"[4-5]\d\d")?;
/// assert!(status.matches(&Tags::from([("status", "404")])));
/// assert!(!status.matches(&Tags::from([("status", "4040")])));
/// # Ok::<(), apptuit_model::SelectorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TagMatcher {
    key: String,
    op: MatchOp,
    value: String,
    /// Set for the regular expressions.
    pattern: Option<Regex>,
}

impl TagMatcher {
    /// The condition that the tag `key` compares to `value` by `op`.
    ///
    /// # Errors
    ///
    /// The value is not a regular expression, or one too large, where `op` asks for one.
    pub fn new(
        key: impl Into<String>,
        op: MatchOp,
        value: impl Into<String>,
    ) -> Result<Self, SelectorError> {
        let (key, value) = (key.into(), value.into());
        let pattern = match op {
            MatchOp::Regex | MatchOp::NotRegex => match anchored(&value) {
                Ok(pattern) => Some(pattern),
                Err(source) => return Err(SelectorError { text: value, source }),
            },
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Self { key, op, value, pattern })
    }

    /// The tag it looks at.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it compares to, as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether `tags` satisfy the condition.
    pub fn matches(&self, tags: &Tags) -> bool {
        self.matches_value(tags.get(&self.key))
    }

    /// Whether a series satisfies the condition whose tag has this value, or that lacks the tag.
    pub fn matches_value(&self, value: Option<&str>) -> bool {
        match self.op {
            MatchOp::Equal => self.equals(value),
            MatchOp::NotEqual => !self.equals(value),
            MatchOp::Regex => self.pattern_matches(value.unwrap_or_default()),
            MatchOp::NotRegex => !self.pattern_matches(value.unwrap_or_default()),
        }
    }

    fn equals(&self, value: Option<&str>) -> bool {
        match value {
            None => self.value.is_empty(),
            Some(value) => {
                value == self.value || self.value.split('|').any(|one| is_like(value, one))
            }
        }
    }

    fn pattern_matches(&self, value: &str) -> bool {
        self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value))
    }
}

impl PartialEq for TagMatcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, self.op, &self.value) == (&other.key, other.op, &other.value)
    }
}

/// `key==value`, as written in a query.
impl fmt::Display for TagMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.key, self.op.as_str(), self.value)
    }
}

/// Bytes that a compiled expression may take, and again as many when it is used: a query has many,
/// and comes from a stranger.
const PATTERN_BYTES: usize = 1 << 19;

/// Bytes of a regular expression as it is written. A hundred thousand alternatives take seconds to
/// read, before it is known how much they would take compiled.
const EXPRESSION_BYTES: usize = 1 << 14;

/// A regular expression that holds for the whole value.
fn anchored(expression: &str) -> Result<Regex, regex::Error> {
    if expression.len() > EXPRESSION_BYTES {
        return Err(regex::Error::CompiledTooBig(EXPRESSION_BYTES));
    }
    // By itself first: `a)(b` is an expression only inside the group, and not what was meant. That
    // it is one is known before anything is compiled, so with no room for it.
    let parsed = RegexBuilder::new(expression).size_limit(0).build();
    if let Err(error @ regex::Error::Syntax(_)) = parsed {
        return Err(error);
    }
    RegexBuilder::new(&format!(r"\A(?s:{expression})\z"))
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
}

/// Whether a value is a text in which each `*` stands for any run of characters.
fn is_like(value: &str, text: &str) -> bool {
    let Some((first, rest)) = text.split_once('*') else { return value == text };
    let Some(mut value) = value.strip_prefix(first) else { return false };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place of each part is as good as any later one.
    for part in between.split('*') {
        let Some(at) = value.find(part) else { return false };
        value = &value[at + part.len()..];
    }
    value.ends_with(last)
}

/// Text that is not a regular expression.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectorError {
    text: String,
    source: regex::Error,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            regex::Error::CompiledTooBig(_) => {
                write!(f, "regular expression `{}` is too large", self.text)
            }
            _ => write!(f, "`{}` is not a regular expression", self.text),
        }
    }
}

impl std::error::Error for SelectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
    fn holds(op: MatchOp, value: &str, tags: Tags) -> bool {
        TagMatcher::new("k", op, value).unwrap().matches(&tags)
    }

    fn k(value: &str) -> Tags {
        Tags::from([("k", value)])
    }

    #[test]
    fn equal_means_the_text_an_alternative_or_a_wildcard() {
        assert!(holds(MatchOp::Equal, "a", k("a")));
        assert!(!holds(MatchOp::Equal, "a", k("A")));
        assert!(holds(MatchOp::Equal, "a|b", k("b")));
        assert!(holds(MatchOp::Equal, "a|b", k("a|b")));
        assert!(!holds(MatchOp::Equal, "web1|web2", k("web10")));
        assert!(holds(MatchOp::Equal, "web*|x", k("web10")));
        assert!(holds(MatchOp::Equal, "a.c", k("a.c")) && !holds(MatchOp::Equal, "a.c*", k("abc")));
    }

    #[test]
    fn wildcards_fit_what_the_regular_expression_of_the_same_meaning_fits() {
        let texts = |letters: &[char], length: u32| -> Vec<String> {
            let n = letters.len();
            let text = |code: usize, length: u32| {
                (0..length).map(|place| letters[code / n.pow(place) % n]).collect()
            };
            (0..=length)
                .flat_map(|length| (0..n.pow(length)).map(move |code| (code, length)))
                .map(|(code, length)| text(code, length))
                .collect()
        };
        let values = texts(&['a', 'b'], 5);
        for wildcard in texts(&['a', 'b', '*', '|'], 4) {
            let oracle = anchored(&wildcard.replace('*', ".*")).unwrap();
            for value in values.iter().filter(|_| !wildcard.is_empty()) {
                let expected = oracle.is_match(value);
                assert_eq!(
                    holds(MatchOp::Equal, &wildcard, k(value)),
                    expected,
                    "{wildcard} {value}"
                );
            }
        }
    }

    #[test]
    fn a_star_needs_the_tag_and_empty_text_needs_its_absence() {
        assert!(holds(MatchOp::Equal, "*", k("")) && !holds(MatchOp::Equal, "*", Tags::new()));
        assert!(holds(MatchOp::Equal, "", Tags::new()) && !holds(MatchOp::Equal, "", k("a")));
        assert!(holds(MatchOp::NotEqual, "a", Tags::new()));
        assert!(!holds(MatchOp::NotEqual, "a", k("a")));
    }

    #[test]
    fn expressions_are_anchored_and_see_a_missing_tag_as_empty() {
        assert!(holds(MatchOp::Regex, "web1|web2", k("web2")));
        assert!(!holds(MatchOp::Regex, "web1|web2", k("web10")));
        assert!(holds(MatchOp::Regex, ".*", Tags::new()));
        assert!(holds(MatchOp::NotRegex, ".+", Tags::new()));
    }

    #[test]
    fn a_bad_expression_is_named() {
        let error = TagMatcher::new("k", MatchOp::Regex, "(").unwrap_err();
        assert_eq!(error.to_string(), "`(` is not a regular expression");
        let escaping = TagMatcher::new("k", MatchOp::Regex, "a)(b").unwrap_err();
        assert_eq!(escaping.to_string(), "`a)(b` is not a regular expression");
        let large = TagMatcher::new("k", MatchOp::Regex, r"\w{500}{500}").unwrap_err();
        assert!(large.to_string().ends_with("is too large"), "{large}");
        let of_bytes = |bytes: usize| format!("[{}]", "a".repeat(bytes - 2));
        TagMatcher::new("k", MatchOp::Regex, of_bytes(EXPRESSION_BYTES)).unwrap();
        let long = TagMatcher::new("k", MatchOp::Regex, of_bytes(EXPRESSION_BYTES + 1));
        let long = long.unwrap_err();
        assert!(long.to_string().ends_with("is too large"));
    }
}
