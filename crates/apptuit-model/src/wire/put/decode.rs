//! Reading a body of points, each taken or refused by itself.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Shown;
use crate::json::push_string;
use crate::limits::MAX_TAGS;
use crate::sanitize::is_valid_name;
use crate::wire::number::{quote_bare_tokens, scalar_text, timestamp_from};
use crate::{DataPoint, NameError, Tags, TimeSeriesName, Timestamp};

/// The longest text of a refused point that is given back whole.
const MAX_ECHO_BYTES: usize = 1024;

/// The points of a body, and those that could not be taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecodedPut {
    /// The good points, in the order of the body. Points of one series share its name.
    pub points: Vec<DataPoint>,
    /// The others, in the order of the body.
    pub refused: Vec<RefusedPoint>,
}

/// A point that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedPoint {
    /// Where in the body it is, from 0.
    pub index: usize,
    /// The point's JSON; of a huge one a JSON string that holds its beginning.
    pub datapoint: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A body that is not points at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutBodyError {
    /// The body is not JSON, or neither a point nor an array.
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// More points than are taken in one body.
    TooManyPoints {
        /// The most that are taken.
        limit: usize,
    },
}

impl fmt::Display for PutBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { reason } => {
                write!(f, "the body is not a JSON array of points: {reason}")
            }
            Self::TooManyPoints { limit } => {
                write!(f, "the body has too many points: at most {limit} are taken")
            }
        }
    }
}

impl std::error::Error for PutBodyError {}

/// Reads the body of a put: one point or an array of them.
///
/// Timestamps are seconds, or above 10^11 milliseconds; numbers may be strings, as OpenTSDB allows.
/// A tag value that is a number or a boolean becomes its JSON text. Of a point that is no good, the
/// index and the reason are told; the good ones are kept. So it is with a bare `NaN` or `Infinity`,
/// which is no JSON.
///
/// # Errors
///
/// The body is no JSON, or no point and no array, or has more than `max_points` points.
pub fn decode_put(body: &[u8], max_points: usize) -> Result<DecodedPut, PutBodyError> {
    decode(body, max_points, check_name)
}

/// Reads the same JSON for a client, which merges tags and cleans names before it checks them: any
/// name is taken, and any number of tags.
///
/// # Errors
///
/// As [`decode_put`].
pub fn decode_points(body: &[u8], max_points: usize) -> Result<DecodedPut, PutBodyError> {
    decode(body, max_points, |_| Ok(()))
}

pub(super) type Check = fn(&TimeSeriesName) -> Result<(), NameError>;

fn decode(body: &[u8], max_points: usize, check: Check) -> Result<DecodedPut, PutBodyError> {
    let text = body_text(body)?;
    match decode_text(text, max_points, check) {
        Err(PutBodyError::Malformed { reason }) => match quote_bare_tokens(text) {
            Cow::Borrowed(_) => Err(PutBodyError::Malformed { reason }),
            Cow::Owned(quoted) => decode_text(&quoted, max_points, check),
        },
        read_or_too_many => read_or_too_many,
    }
}

/// The body as text.
pub(super) fn body_text(body: &[u8]) -> Result<&str, PutBodyError> {
    std::str::from_utf8(body).map_err(|error| PutBodyError::Malformed {
        reason: format!("not UTF-8 at byte {}", error.valid_up_to()),
    })
}

fn decode_text(text: &str, max_points: usize, check: Check) -> Result<DecodedPut, PutBodyError> {
    let mut decoder = Decoder {
        decoded: DecodedPut::default(),
        max_points,
        check,
        full: false,
        spelled: HashMap::new(),
        names: HashSet::new(),
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = if text.trim_start().starts_with('{') {
        <&RawValue>::deserialize(&mut json).and_then(|point| decoder.take(point))
    } else {
        json.deserialize_seq(&mut decoder)
    };
    match parsed.and_then(|()| json.end()) {
        Ok(()) => Ok(decoder.decoded),
        Err(_) if decoder.full => Err(PutBodyError::TooManyPoints { limit: max_points }),
        Err(error) => Err(PutBodyError::Malformed { reason: error.to_string() }),
    }
}

/// Takes the elements of a body one by one, so that the body is never a tree in memory.
struct Decoder<'body> {
    decoded: DecodedPut,
    max_points: usize,
    check: Check,
    /// Whether there was one more point than is taken.
    full: bool,
    /// Names by how the body spells them.
    spelled: HashMap<(&'body str, &'body str), TimeSeriesName>,
    /// Each name once, however it is spelled.
    names: HashSet<TimeSeriesName>,
}

impl<'body> Decoder<'body> {
    fn take(&mut self, point: &'body RawValue) -> Result<(), serde_json::Error> {
        let index = self.decoded.points.len() + self.decoded.refused.len();
        if index >= self.max_points {
            self.full = true;
            return Err(serde_json::Error::custom("too many points"));
        }
        match self.point(point) {
            Ok(point) => self.decoded.points.push(point),
            Err(reason) => {
                let datapoint = echo(point.get());
                self.decoded.refused.push(RefusedPoint { index, datapoint, reason });
            }
        }
        Ok(())
    }

    fn point(&mut self, point: &'body RawValue) -> Result<DataPoint, String> {
        let Parts { metric, tags, timestamp, value } = Parts::of(point)?;
        let name = self.name(metric, tags)?;
        Ok(DataPoint::new(name, parse_timestamp(timestamp)?, parse_value(value)?))
    }

    fn name(
        &mut self,
        metric: &'body RawValue,
        tags: Option<&'body RawValue>,
    ) -> Result<TimeSeriesName, String> {
        let spelling = (metric.get(), tags.map_or("", RawValue::get));
        if let Some(name) = self.spelled.get(&spelling) {
            return Ok(name.clone());
        }
        let name = parse_name(metric, tags, self.check)?;
        let shared = self.names.get(&name).cloned();
        let name = shared.unwrap_or_else(|| {
            self.names.insert(name.clone());
            name
        });
        self.spelled.insert(spelling, name.clone());
        Ok(name)
    }
}

impl<'body> Visitor<'body> for &mut Decoder<'body> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a point or an array of points")
    }

    fn visit_seq<A: SeqAccess<'body>>(self, mut points: A) -> Result<(), A::Error> {
        while let Some(point) = points.next_element::<&'body RawValue>()? {
            self.take(point).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Fields<'body> {
    #[serde(borrow)]
    metric: Option<&'body RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'body RawValue>,
    #[serde(borrow)]
    value: Option<&'body RawValue>,
    #[serde(borrow)]
    tags: Option<&'body RawValue>,
}

/// What a point needs, each as it is written.
#[derive(Clone, Copy)]
pub(super) struct Parts<'body> {
    pub(super) metric: &'body RawValue,
    pub(super) tags: Option<&'body RawValue>,
    pub(super) timestamp: &'body RawValue,
    pub(super) value: &'body RawValue,
}

impl<'body> Parts<'body> {
    /// Or the reason why it has not all of them.
    pub(super) fn of(point: &'body RawValue) -> Result<Self, String> {
        if !point.get().starts_with('{') {
            return Err(format!("{} is not a point: expected an object", shown(point)));
        }
        // The place in a message of serde_json would be one inside this element.
        let fields: Fields<'_> = serde_json::from_str(point.get())
            .map_err(|_| "a member is there twice or its name is not text".to_owned())?;
        let metric = fields.metric.ok_or("`metric` is missing")?;
        let timestamp = fields.timestamp.ok_or("`timestamp` is missing")?;
        let value = fields.value.ok_or("`value` is missing")?;
        Ok(Self { metric, tags: fields.tags, timestamp, value })
    }
}

pub(super) fn parse_name(
    metric: &RawValue,
    tags: Option<&RawValue>,
    check: Check,
) -> Result<TimeSeriesName, String> {
    let metric: String = serde_json::from_str(metric.get())
        .map_err(|_| format!("`metric` is {}: expected text", shown(metric)))?;
    let tags = tags.map_or_else(|| Ok(Tags::new()), parse_tags)?;
    let name = TimeSeriesName::new(metric, tags);
    check(&name).map_err(|error| error.to_string())?;
    Ok(name)
}

fn parse_tags(tags: &RawValue) -> Result<Tags, String> {
    let Members(members) = serde_json::from_str(tags.get())
        .map_err(|_| format!("`tags` is {}: expected an object", shown(tags)))?;
    let mut read = BTreeMap::new();
    for (key, value) in members {
        let text = scalar_text(value)
            .ok_or_else(|| format!("tag `{}` is {}: expected text", Shown(&key), shown(value)))?;
        match read.entry(key) {
            Entry::Vacant(free) => free.insert(text),
            Entry::Occupied(taken) => {
                return Err(format!("tag `{}` is there twice", Shown(taken.key())));
            }
        };
    }
    Ok(read.into_iter().collect())
}

/// The members of an object in their order, those of one key too.
struct Members<'body>(Vec<(String, &'body RawValue)>);

impl<'body> Deserialize<'body> for Members<'body> {
    fn deserialize<D: Deserializer<'body>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'body> Visitor<'body> for Reader {
            type Value = Members<'body>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'body>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        input.deserialize_map(Reader)
    }
}

pub(super) fn check_name(name: &TimeSeriesName) -> Result<(), NameError> {
    let metric = || name.metric().to_owned();
    if name.metric().is_empty() {
        return Err(NameError::EmptyMetric);
    }
    if !is_valid_name(name.metric()) {
        return Err(NameError::InvalidMetric { metric: metric() });
    }
    if name.tags().is_empty() {
        return Err(NameError::NoTags { metric: metric() });
    }
    if name.tags().len() > MAX_TAGS {
        return Err(NameError::TooManyTags { metric: metric(), tags: name.tags().len() });
    }
    for (key, _) in name.tags().iter() {
        if key.is_empty() {
            return Err(NameError::EmptyTagKey { metric: metric() });
        }
        if !is_valid_name(key) {
            return Err(NameError::InvalidTagKey { key: key.to_owned() });
        }
    }
    Ok(())
}

pub(super) fn parse_timestamp(raw: &RawValue) -> Result<Timestamp, String> {
    let text = number_text(raw);
    text.as_deref().and_then(timestamp_from).ok_or_else(|| match text {
        Some(text) if is_number(&text) => {
            format!("timestamp {} is out of range: expected seconds since the epoch", shown(raw))
        }
        _ => format!(
            "`timestamp` is {}: expected seconds or milliseconds since the epoch",
            shown(raw)
        ),
    })
}

/// Whether the text is a number in digits: `inf` and `NaN` are none.
fn is_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

pub(super) fn parse_value(raw: &RawValue) -> Result<f64, String> {
    let number = number_text(raw).and_then(|text| text.parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) => Err(format!("`value` is {}: not a number that can be stored", shown(raw))),
        None => Err(format!("`value` is {}: expected a number", shown(raw))),
    }
}

/// The text of a number or of a string; a boolean is neither.
fn number_text(raw: &RawValue) -> Option<String> {
    scalar_text(raw).filter(|text| !matches!(raw.get(), "true" | "false") && !text.is_empty())
}

/// A JSON value in a message, cut if it is long.
fn shown(raw: &RawValue) -> String {
    let text = beginning(raw.get(), 64);
    let dots = if text.len() < raw.get().len() { "…" } else { "" };
    format!("`{text}{dots}`")
}

pub(super) fn echo(json: &str) -> String {
    if json.len() <= MAX_ECHO_BYTES {
        return json.to_owned();
    }
    let mut cut = String::new();
    push_string(&mut cut, &format!("{}…", beginning(json, MAX_ECHO_BYTES)));
    cut
}

fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
