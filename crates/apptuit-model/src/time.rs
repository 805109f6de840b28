//! Instants, intervals between two of them, and regular steps.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::StepError;
use crate::limits::LARGEST_SECONDS;

/// An instant: milliseconds since the Unix epoch, before it negative.
///
/// On the wire an instant is a number of seconds, with a fraction only where there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant.
    pub const MAX: Self = Self(i64::MAX);

    /// An instant in milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// An instant in whole seconds since the epoch; beyond the range of `i64` milliseconds, its end.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// An instant from a number that people and clients write: seconds, or above 10^11
    /// milliseconds. Rounded to whole milliseconds; `None` if it is not a number, or before
    /// [`MIN`](Self::MIN) or after [`MAX`](Self::MAX).
    pub fn from_number(number: f64) -> Option<Self> {
        let millis = if number.abs() > LARGEST_SECONDS { number } else { number * 1000.0 };
        // The latest instant has no double of its own: 2^63, the nearest, stands for it.
        let possible = (i64::MIN as f64..=i64::MAX as f64).contains(&millis);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounded, in range, and 2^63 saturates"
        )]
        possible.then(|| Self(millis.round() as i64))
    }

    /// The instant this is called.
    #[expect(clippy::disallowed_methods, reason = "one of the two places that read the clock")]
    pub fn now() -> Self {
        let millis = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(millis(since)),
            Err(before) => Self(-millis(before.duration())),
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since the epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// This much later, or the latest instant there is.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier, or the earliest instant there is.
    #[must_use]
    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Seconds, with a fraction only where there is one: `60`, `60.25`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if thousandths == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{thousandths:03}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// An interval of time with both ends in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// All instants there are.
    pub const ALL: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// From `start` to `end`, both in it; empty if `end` is before `start`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// The time up to now, `span` long.
    pub fn last(span: Duration) -> Self {
        let now = Timestamp::now();
        Self { start: now.saturating_sub(span), end: now }
    }

    /// The first instant.
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The last instant.
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Whether `instant` is in it.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.start <= instant && instant <= self.end
    }
}

/// A regular interval, at least a millisecond: `15s`, `1m`, `1h`.
///
/// Units are `ms s m h d w`, `n` and `M` of 30 days, and `y` of 365 days. Steps are counted from
/// the epoch, in UTC.
///
/// ```
/// use apptuit_model::{Step, Timestamp};
///
/// let minute: Step = "1m".parse()?;
/// assert_eq!(minute.floor(Timestamp::from_secs(119)), Timestamp::from_secs(60));
/// # Ok::<(), apptuit_model::StepError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(i64);

impl Step {
    /// Its length in milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The start of the step that `instant` lies in.
    #[must_use]
    pub fn floor(self, instant: Timestamp) -> Timestamp {
        Timestamp(instant.0.saturating_sub(instant.0.rem_euclid(self.0)))
    }
}

const UNITS: [(&str, i64); 9] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
    ("n", 30 * 86_400_000),
    ("M", 30 * 86_400_000),
    ("y", 365 * 86_400_000),
];

impl FromStr for Step {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, StepError> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at(digits);
        let error = || StepError::new(text);
        let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        let count: i64 = count.parse().map_err(|_| error())?;
        count.checked_mul(*millis).filter(|step| *step > 0).map(Self).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_above_ten_to_the_eleventh_are_milliseconds() {
        let millis = |number| Timestamp::from_number(number).map(Timestamp::as_millis);
        assert_eq!(millis(1_406_831_400.0), Some(1_406_831_400_000));
        assert_eq!(millis(1_406_831_400.25), Some(1_406_831_400_250));
        assert_eq!(millis(1_406_831_400_250.0), Some(1_406_831_400_250));
        assert_eq!(millis(1e11), Some(100_000_000_000_000));
        assert_eq!(millis(-60.5), Some(-60_500));
        assert_eq!(millis(f64::NAN), None);
        assert_eq!(millis(f64::INFINITY), None);
    }

    #[test]
    fn numbers_beyond_the_ends_of_time_are_no_instants() {
        let ends = [-(2_f64.powi(63)), 2_f64.powi(63)].map(Timestamp::from_number);
        assert_eq!(ends, [Some(Timestamp::MIN), Some(Timestamp::MAX)]);
        for beyond in [1e30, -1e30, f64::MAX, 2_f64.powi(63).next_up()] {
            assert_eq!(Timestamp::from_number(beyond), None, "{beyond}");
        }
    }

    #[test]
    fn instants_print_as_seconds_with_a_fraction_only_where_there_is_one() {
        let print = |millis| Timestamp::from_millis(millis).to_string();
        assert_eq!(print(60_000), "60");
        assert_eq!(print(60_250), "60.25");
        assert_eq!(print(60_005), "60.005");
        assert_eq!(print(-500), "-0.5");
        assert_eq!(print(i64::MIN), "-9223372036854775.808");
    }

    #[test]
    fn steps_parse_and_floor() {
        let step = |text: &str| text.parse::<Step>().map(Step::as_millis);
        assert_eq!(step("250ms"), Ok(250));
        assert_eq!(step("1n"), step("1M"));
        assert_eq!(step("1y"), Ok(365 * 86_400_000));
        for bad in ["", "0s", "s", "1", "1.5m", "-1m", "1 m", "1parsec", "99999999999999999999s"] {
            let error = step(bad).unwrap_err();
            assert!(error.to_string().contains(&format!("`{bad}`")), "{error}");
        }
        let minute: Step = "1m".parse().unwrap();
        assert_eq!(minute.floor(Timestamp::from_millis(-1)), Timestamp::from_secs(-60));
    }

    #[test]
    fn a_range_holds_both_its_ends() {
        let range = TimeRange::new(Timestamp::from_secs(1), Timestamp::from_secs(2));
        assert!(range.contains(range.start()) && range.contains(range.end()));
        assert!(!range.contains(Timestamp::from_millis(999)));
    }
}
