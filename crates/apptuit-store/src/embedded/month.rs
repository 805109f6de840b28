//! The months that chunks are kept by: a table each, so that an old month goes as a whole.

use std::fmt;

use apptuit_model::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// A month in UTC, as `year * 100 + month`. All time before the year 1 is one month, and all time
/// after the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Month(u32);

impl Month {
    const BEFORE: Self = Self(0);
    const AFTER: Self = Self(999_999);

    /// The month of an instant. The calendar is that of Howard Hinnant's `civil_from_days`, in which
    /// a year begins in March.
    pub(super) fn of(instant: Timestamp) -> Self {
        let days = instant.as_millis().div_euclid(DAY_MILLIS) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (year, month) = match month {
            0..=9 => (year + era * 400, month + 3),
            _ => (year + era * 400 + 1, month - 9),
        };
        match year {
            ..=0 => Self::BEFORE,
            1..=9999 => Self(u32::try_from(year * 100 + month).expect("six digits")),
            _ => Self::AFTER,
        }
    }

    /// The month that a number in the table `month` stands for.
    pub(super) fn from_number(number: i64) -> Option<Self> {
        let month = Self(u32::try_from(number).ok()?);
        let proper = (101..=999_912).contains(&month.0) && (1..=12).contains(&(month.0 % 100));
        (proper || month == Self::BEFORE || month == Self::AFTER).then_some(month)
    }

    /// The number in the table `month`.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The first instant after this month, the end of time for the last one.
    pub(super) fn end(self) -> Timestamp {
        let next = match self {
            Self::BEFORE => Self(101),
            Self(999_912) | Self::AFTER => Self::AFTER,
            Self(month) if month % 100 == 12 => Self(month + 89),
            Self(month) => Self(month + 1),
        };
        if self == Self::AFTER { Timestamp::MAX } else { next.start() }
    }

    /// The first instant, by Howard Hinnant's `days_from_civil`.
    pub(super) fn start(self) -> Timestamp {
        if self == Self::BEFORE {
            return Timestamp::MIN;
        }
        let (year, month) = if self == Self::AFTER {
            (10_000, 1)
        } else {
            (i64::from(self.0 / 100), i64::from(self.0 % 100))
        };
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day = (153 * month + 2) / 5 + 365 * of_era + of_era / 4 - of_era / 100;
        Timestamp::from_millis((era * 146_097 + day - 719_468) * DAY_MILLIS)
    }

    /// The table of its chunks.
    pub(super) fn table(self) -> String {
        format!("chunk_{self}")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(secs: i64) -> String {
        Month::of(Timestamp::from_secs(secs)).to_string()
    }

    /// Instants from `date -u +%s`.
    #[test]
    fn an_instant_is_in_its_month() {
        assert_eq!((month(0), month(-1)), ("197001".into(), "196912".into()));
        assert_eq!(
            (month(1_709_251_199), month(1_709_251_200)),
            ("202402".into(), "202403".into())
        );
        assert_eq!((month(951_782_399), month(951_868_800)), ("200002".into(), "200003".into()));
        assert_eq!(
            (month(-62_135_596_801), month(-62_135_596_800)),
            ("000000".into(), "000101".into())
        );
        assert_eq!(
            (month(253_402_300_799), month(253_402_300_800)),
            ("999912".into(), "999999".into())
        );
        assert_eq!(Month::of(Timestamp::MIN), Month::BEFORE);
        assert_eq!(Month::of(Timestamp::MAX), Month::AFTER);
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let (mut month, mut count) = (Month::BEFORE, 0);
        while month != Month::AFTER {
            let end = month.end();
            let last = Timestamp::from_millis(end.as_millis() - 1);
            assert_eq!(
                (Month::of(last), Month::from_number(month.number().into())),
                (month, Some(month))
            );
            month = Month::of(end);
            assert_eq!(month.start(), end);
            count += 1;
        }
        assert_eq!(count, 1 + 9999 * 12);
        assert_eq!(Month::AFTER.end(), Timestamp::MAX);
        assert_eq!([-1, 1, 100, 113, 202_400, 999_913].map(Month::from_number), [None; 6]);
    }
}
