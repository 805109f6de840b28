//! The one pass over a body.
//!
//! A point of the usual shape, which has its four members once, plain strings and plain numbers, is
//! read by hand; its series is looked up by the text of its name as it stands. Any other point is
//! read by the code of `decode_put`, so that what is refused, and why, is the same.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::columns::{NewSeries, OfNew, PutColumns, PutLimits, SeriesNumbers, Slot};
use super::decode::{
    Parts, RefusedPoint, check_name, echo, parse_name, parse_timestamp, parse_value,
};
use crate::Timestamp;
use crate::wire::number::{bare_token, quote_bare_tokens};
use crate::wire::scan::Scan;

/// Why a body is not read to its end.
pub(super) enum Stop {
    /// The text is not JSON, so far as it was read.
    NotJson,
    /// There is one more point than is taken.
    Full,
}

/// Reads one body.
pub(super) struct Reader<'body, 'numbers, S: SeriesNumbers> {
    scan: Scan<'body>,
    limits: PutLimits,
    numbers: &'numbers mut S,
    /// Places in `new` by spelling.
    spelled: HashMap<(&'body str, &'body str), u32>,
    pub(super) new: Vec<NewSeries<'body>>,
    columns: &'numbers mut PutColumns<S::Number>,
}

/// A point of the usual shape.
struct Usual<'body> {
    metric: &'body str,
    tags: &'body str,
    /// Whether the series is the likely one.
    is_likely: bool,
    timestamp: Timestamp,
    /// Not a number if a bare token stands for it.
    value: f64,
}

impl<'body, 'numbers, S: SeriesNumbers> Reader<'body, 'numbers, S> {
    pub(super) fn new(
        text: &'body str,
        limits: PutLimits,
        numbers: &'numbers mut S,
        columns: &'numbers mut PutColumns<S::Number>,
    ) -> Self {
        let (scan, spelled) = (Scan::new(text), HashMap::new());
        Self { scan, limits, numbers, spelled, new: Vec::new(), columns }
    }

    /// Reads all of it.
    pub(super) fn body(&mut self) -> Result<(), Stop> {
        self.scan.blanks();
        let is_array = self.scan.take(b'[');
        if !is_array && self.scan.peek() != Some(b'{') {
            return Err(Stop::NotJson);
        }
        let mut is_whole = is_array && self.scan.take(b']');
        let mut index = 0;
        while !is_whole {
            self.scan.blanks();
            if index == self.limits.max_points {
                // If it is none, that is what is wrong.
                self.any()?;
                return Err(Stop::Full);
            }
            self.element(index)?;
            index += 1;
            is_whole = !is_array || self.scan.take(b']');
            if !is_whole && !self.scan.take(b',') {
                return Err(Stop::NotJson);
            }
        }
        if self.scan.is_at_end() { Ok(()) } else { Err(Stop::NotJson) }
    }

    fn element(&mut self, index: usize) -> Result<(), Stop> {
        let start = self.scan.at();
        let read = match self.usual() {
            Some(Usual { value, .. }) if value.is_nan() => {
                let quoted = quote_bare_tokens(self.scan.since(start));
                let reason = reason(&quoted)?;
                self.refuse(index, &quoted, reason);
                return Ok(());
            }
            Some(Usual { metric, tags, is_likely, timestamp, value }) => {
                let likely = if is_likely { self.numbers.take_likely() } else { None };
                let series = likely.map_or_else(|| self.slot(metric, tags), |n| Ok(Slot::Known(n)));
                series.map(|series| (series, timestamp, value))
            }
            None => {
                self.scan.go_to(start);
                let point = self.any()?;
                self.unusual(point)
            }
        };
        match read {
            Ok((series, timestamp, value)) => {
                if let Slot::New(series) = series {
                    let text = start..self.scan.at();
                    self.columns.of_new.push(OfNew { series, index, text });
                }
                self.columns.series.push(series);
                self.columns.timestamps.push(timestamp);
                self.columns.values.push(value);
            }
            Err(reason) => self.refuse(index, self.scan.since(start), reason),
        }
        Ok(())
    }

    fn refuse(&mut self, index: usize, point: &str, reason: String) {
        self.columns.refused_count += 1;
        if self.columns.refused.len() < self.limits.max_told {
            let datapoint = echo(point);
            self.columns.refused.push(RefusedPoint { index, datapoint, reason });
        }
    }

    /// The point at the cursor, which is then after it; `None` if it is none of the usual shape.
    #[inline]
    fn usual(&mut self) -> Option<Usual<'body>> {
        let Self { scan, numbers, .. } = self;
        // What was read before need not be read again, if the bytes are the same.
        let (likely_metric, likely_tags) = numbers.likely().unwrap_or_default();
        let mut likely_parts = 0;
        let (mut metric, mut tags, mut timestamp, mut value) = (None, None, None, None);
        if !scan.take(b'{') {
            return None;
        }
        loop {
            let member = member(scan)?;
            scan.blanks();
            let start = scan.at();
            let is_second = match member {
                Member::Metric => {
                    if !likely_metric.is_empty() && scan.take_text(likely_metric) {
                        likely_parts += 1;
                    } else {
                        scan.plain_string()?;
                    }
                    metric.replace(scan.since(start)).is_some()
                }
                Member::Tags => {
                    if !likely_tags.is_empty() && scan.take_text(likely_tags) {
                        likely_parts += 1;
                    } else {
                        plain_tags(scan)?;
                    }
                    tags.replace(scan.since(start)).is_some()
                }
                Member::Timestamp => timestamp.replace(scan.number()?.timestamp()?).is_some(),
                Member::Value => value.replace(plain_value(scan)?).is_some(),
            };
            if is_second {
                return None;
            }
            if !scan.take(b',') {
                break;
            }
        }
        if !scan.take(b'}') {
            return None;
        }
        let is_likely = likely_parts == 2;
        let (timestamp, value) = (timestamp?, value?);
        Some(Usual { metric: metric?, tags: tags?, is_likely, timestamp, value })
    }

    /// The value at the cursor, whatever it is; the cursor is then after it.
    fn any(&mut self) -> Result<&'body RawValue, Stop> {
        let mut values =
            serde_json::Deserializer::from_str(self.scan.rest()).into_iter::<&RawValue>();
        let value = values.next().and_then(Result::ok).ok_or(Stop::NotJson)?;
        self.scan.go_to(self.scan.at() + values.byte_offset());
        Ok(value)
    }

    fn unusual(
        &mut self,
        point: &'body RawValue,
    ) -> Result<(Slot<S::Number>, Timestamp, f64), String> {
        let Parts { metric, tags, timestamp, value } = Parts::of(point)?;
        let series = self.slot(metric.get(), tags.map_or("", RawValue::get))?;
        Ok((series, parse_timestamp(timestamp)?, parse_value(value)?))
    }

    /// What is known of the series that is spelled so, or why there can be none.
    #[inline]
    fn slot(&mut self, metric: &'body str, tags: &'body str) -> Result<Slot<S::Number>, String> {
        match self.numbers.known(metric, tags) {
            Some(number) => Ok(Slot::Known(number)),
            None => self.new_slot(metric, tags).map(Slot::New),
        }
    }

    #[cold]
    fn new_slot(&mut self, metric: &'body str, tags: &'body str) -> Result<u32, String> {
        if let Some(new) = self.spelled.get(&(metric, tags)) {
            return Ok(*new);
        }
        let raw = |text| serde_json::from_str::<&RawValue>(text).map_err(|error| error.to_string());
        let raw_tags = if tags.is_empty() { None } else { Some(raw(tags)?) };
        let name = parse_name(raw(metric)?, raw_tags, check_name)?;
        let new = u32::try_from(self.new.len()).map_err(|_| "too many series".to_owned())?;
        self.new.push(NewSeries { metric, tags, name });
        self.spelled.insert((metric, tags), new);
        Ok(new)
    }
}

/// What a point of the usual shape has.
#[derive(Clone, Copy)]
enum Member {
    Metric,
    Tags,
    Timestamp,
    Value,
}

/// The member whose name is at the cursor, which is then after its colon; `None` if there is another
/// one, or none.
#[inline]
fn member(scan: &mut Scan<'_>) -> Option<Member> {
    scan.blanks();
    // Most bodies have no blanks.
    if scan.take_text("\"metric\":") {
        return Some(Member::Metric);
    } else if scan.take_text("\"tags\":") {
        return Some(Member::Tags);
    } else if scan.take_text("\"timestamp\":") {
        return Some(Member::Timestamp);
    } else if scan.take_text("\"value\":") {
        return Some(Member::Value);
    }
    let member = match scan.plain_string()? {
        "metric" => Member::Metric,
        "tags" => Member::Tags,
        "timestamp" => Member::Timestamp,
        "value" => Member::Value,
        _ => return None,
    };
    scan.take(b':').then_some(member)
}

/// Goes over an object of plain strings and scalars.
#[inline]
fn plain_tags(scan: &mut Scan<'_>) -> Option<()> {
    if !scan.take(b'{') {
        return None;
    }
    if scan.take(b'}') {
        return Some(());
    }
    loop {
        scan.blanks();
        scan.plain_string()?;
        if !scan.take(b':') {
            return None;
        }
        scan.blanks();
        match scan.peek()? {
            b'"' => {
                scan.plain_string()?;
            }
            b't' if scan.take_text("true") => {}
            b'f' if scan.take_text("false") => {}
            _ => {
                scan.number()?;
            }
        }
        if !scan.take(b',') {
            return scan.take(b'}').then_some(());
        }
    }
}

/// The finite number at the cursor; not a number if a bare token is there.
#[inline]
fn plain_value(scan: &mut Scan<'_>) -> Option<f64> {
    if let Some(number) = scan.number() {
        return Some(number.value()).filter(|value| value.is_finite());
    }
    let token = bare_token(scan.rest())?;
    scan.take_text(token).then_some(f64::NAN)
}

/// Why a point with a quoted token for a value is refused.
fn reason(point: &str) -> Result<String, Stop> {
    let point: &RawValue = serde_json::from_str(point).map_err(|_| Stop::NotJson)?;
    let read = Parts::of(point).and_then(|parts| {
        parse_name(parts.metric, parts.tags, check_name)?;
        parse_timestamp(parts.timestamp)?;
        parse_value(parts.value)
    });
    // That it is none is why this is asked.
    read.err().ok_or(Stop::NotJson)
}
