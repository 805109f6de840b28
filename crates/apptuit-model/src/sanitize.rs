//! The rule that turns free text into a metric name or a tag key.

use std::borrow::Cow;
use std::str::FromStr;

use unicode_general_category::{GeneralCategory, get_general_category};

use crate::error::SanitizerError;
use crate::limits::MAX_TAGS;
use crate::{NameError, TimeSeriesName};

/// The rule that turns free text into a metric name or a tag key.
///
/// ```
/// use apptuit_model::Sanitizer;
///
/// assert_eq!(Sanitizer::Prometheus.clean("node.load 1m"), "node_load_1m");
/// assert_eq!(Sanitizer::Apptuit.clean("node.load 1m"), "node.load_1m");
/// assert_eq!("Prometheus".parse(), Ok(Sanitizer::Prometheus));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sanitizer {
    /// ASCII letters, digits and `_`; a name does not begin with a digit.
    #[default]
    Prometheus,
    /// Letters and numbers of any script, and `- _ . /`.
    Apptuit,
    /// Nothing is changed; names are checked instead.
    Off,
}

impl Sanitizer {
    /// The clean form of `name`: what is not allowed becomes `_`, and each run of `_` one `_`.
    ///
    /// Runs that `name` has itself are shortened too. Empty text stays empty.
    pub fn clean(self, name: &str) -> Cow<'_, str> {
        if self == Self::Off || self.is_clean(name) {
            return Cow::Borrowed(name);
        }
        let mut clean = String::with_capacity(name.len() + 1);
        if self.needs_prefix(name) {
            clean.push('_');
        }
        for (n, part) in name.split(|c| c == '_' || !self.allows(c)).enumerate() {
            if n > 0 && !clean.ends_with('_') {
                clean.push('_');
            }
            clean.push_str(part);
        }
        Cow::Owned(clean)
    }

    /// The series name with metric and tag keys cleaned, or checked if the rule is [`Off`](Self::Off).
    ///
    /// Tag values stay as they are. Where two keys become one, the value of the later one, in the
    /// order of the keys before, is kept.
    ///
    /// # Errors
    ///
    /// The metric or a tag key is empty, there are more than [`MAX_TAGS`] tags, or the rule is
    /// [`Off`](Self::Off) and a character is not allowed.
    pub fn name(self, name: &TimeSeriesName) -> Result<TimeSeriesName, NameError> {
        let metric = self.checked(
            name.metric(),
            || NameError::EmptyMetric,
            |metric| NameError::InvalidMetric { metric },
        )?;
        let own_metric = || name.metric().to_owned();
        if name.tags().len() > MAX_TAGS {
            return Err(NameError::TooManyTags { metric: own_metric(), tags: name.tags().len() });
        }
        let (mut tags, mut is_changed) = (Vec::with_capacity(name.tags().len()), false);
        for (key, value) in name.tags().iter() {
            let empty = || NameError::EmptyTagKey { metric: own_metric() };
            let key = self.checked(key, empty, |key| NameError::InvalidTagKey { key })?;
            is_changed |= matches!(key, Cow::Owned(_));
            tags.push((key, value));
        }
        // Clones share their text.
        let tags = if is_changed { tags.into_iter().collect() } else { name.tags().clone() };
        Ok(match metric {
            Cow::Borrowed(_) => name.with_tags(tags),
            Cow::Owned(metric) => TimeSeriesName::new(metric, tags),
        })
    }

    fn checked(
        self,
        text: &str,
        empty: impl FnOnce() -> NameError,
        invalid: impl FnOnce(String) -> NameError,
    ) -> Result<Cow<'_, str>, NameError> {
        if text.is_empty() {
            return Err(empty());
        }
        if self == Self::Off && !is_valid_name(text) {
            return Err(invalid(text.to_owned()));
        }
        Ok(self.clean(text))
    }

    fn is_clean(self, name: &str) -> bool {
        !self.needs_prefix(name)
            && !name.as_bytes().windows(2).any(|two| two == b"__")
            && name.chars().all(|c| self.allows(c))
    }

    fn needs_prefix(self, name: &str) -> bool {
        self == Self::Prometheus && name.starts_with(|c: char| c.is_ascii_digit())
    }

    fn allows(self, c: char) -> bool {
        match self {
            Self::Prometheus => c.is_ascii_alphanumeric() || c == '_',
            Self::Apptuit => is_name_char(c),
            Self::Off => true,
        }
    }
}

/// `prometheus`, `apptuit`, or empty for none, in any case.
impl FromStr for Sanitizer {
    type Err = SanitizerError;

    fn from_str(mode: &str) -> Result<Self, SanitizerError> {
        match mode.to_ascii_lowercase().as_str() {
            "prometheus" => Ok(Self::Prometheus),
            "apptuit" => Ok(Self::Apptuit),
            "" => Ok(Self::Off),
            _ => Err(SanitizerError::new(mode)),
        }
    }
}

/// Whether `name` can be a metric name or a tag key as it is: one or more letters and numbers of
/// any script, `-`, `_`, `.` and `/`.
///
/// ```
/// assert!(apptuit_model::is_valid_name("node.load/1m"));
/// assert!(!apptuit_model::is_valid_name("node load"));
/// ```
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char)
}

/// Letters and numbers by Unicode's categories L and N: `char::is_alphanumeric` holds for some
/// marks and symbols too.
fn is_name_char(c: char) -> bool {
    use GeneralCategory::{
        DecimalNumber, LetterNumber, LowercaseLetter, ModifierLetter, OtherLetter, OtherNumber,
        TitlecaseLetter, UppercaseLetter,
    };
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    }
    matches!(
        get_general_category(c),
        UppercaseLetter
            | LowercaseLetter
            | TitlecaseLetter
            | ModifierLetter
            | OtherLetter
            | DecimalNumber
            | LetterNumber
            | OtherNumber
    )
}
