//! Instants as people write and read them.

use apptuit::Timestamp;

use crate::failure::Failure;

/// `12:00:00` for an axis of less than a day, `01-31 12:00` for a longer one.
pub(crate) fn clock(instant: Timestamp, span_seconds: f64) -> String {
    let format = if span_seconds < 86_400.0 { "%H:%M:%S" } else { "%m-%d %H:%M" };
    match jiff::Timestamp::from_millisecond(instant.as_millis()) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => instant.to_string(),
    }
}

/// `2026-01-31 12:00:00`, in UTC, with a fraction only where there is one.
pub(crate) fn date_and_time(instant: Timestamp) -> String {
    let format =
        if instant.as_millis() % 1000 == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    match jiff::Timestamp::from_millisecond(instant.as_millis()) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => instant.to_string(),
    }
}

/// The instant a flag names: a number of seconds, or a date and time with its zone.
pub(crate) fn instant(text: &str) -> Result<Timestamp, Failure> {
    if let Some(instant) = text.parse().ok().and_then(Timestamp::from_number) {
        return Ok(instant);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| {
        Failure::usage(format_args!(
            "`{text}` is not a time: expected seconds since the epoch, or `2026-01-31T12:00:00Z`"
        ))
    })?;
    Ok(Timestamp::from_millis(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_seconds_or_a_date() {
        let millis = |text| instant(text).map(Timestamp::as_millis).ok();
        assert_eq!(millis("1406831400.25"), Some(1_406_831_400_250));
        assert_eq!(millis("1970-01-01T00:01:00Z"), Some(60_000));
        assert_eq!(millis("1970-01-01T01:01:00+01:00"), Some(60_000));
        assert_eq!(millis("yesterday"), None);
    }

    #[test]
    fn an_axis_of_days_shows_the_date() {
        let noon = Timestamp::from_secs(43_200);
        assert_eq!(clock(noon, 600.0), "12:00:00");
        assert_eq!(clock(noon, 86_400.0), "01-01 12:00");
        assert_eq!(date_and_time(noon), "1970-01-01 12:00:00");
    }
}
