//! Reading an answer, strict about its outputs and lenient about the rest.
//!
//! The outputs, which are nearly all of it, are read by [`outputs`](super::outputs) if they have the
//! usual shape. The library reads the rest, and whole answers that are unusual or wrong.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{AnswerOutput, AnswerSeries, QueryAnswer, QueryEcho, QueryStats, Timing, outputs};
use crate::wire::number::{parse_tolerantly, scalar_text, timestamp_from, timestamp_from_whole};
use crate::{Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};

/// A body that is not the answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    reason: String,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body is not a query's answer: {}", self.reason)
    }
}

impl std::error::Error for AnswerError {}

pub(super) fn decode(body: &[u8]) -> Result<QueryAnswer, AnswerError> {
    let text = text_of(body)?;
    match usual(text) {
        Some(answer) => Ok(answer),
        None => by_library(text),
    }
}

/// The text of a JSON object.
pub(super) fn text_of(body: &[u8]) -> Result<&str, AnswerError> {
    let text = std::str::from_utf8(body).map_err(|error| AnswerError {
        reason: format!("not UTF-8 at byte {}", error.valid_up_to()),
    })?;
    // A struct may be an array to serde; an answer may not.
    if text.trim_start().starts_with('{') {
        Ok(text)
    } else {
        Err(AnswerError { reason: "expected a JSON object".to_owned() })
    }
}

/// An answer whose outputs have the usual shape.
fn usual(text: &str) -> Option<QueryAnswer> {
    let (outputs, place) = outputs::outputs(text)?;
    let (before, after) = (text.get(..place.start)?, text.get(place.end..)?);
    let rest = by_library(&[before, "null", after].concat()).ok()?;
    Some(QueryAnswer { outputs, ..rest })
}

/// An answer of any shape, or what is wrong with it.
pub(super) fn by_library(text: &str) -> Result<QueryAnswer, AnswerError> {
    let answer: Answer = parse_tolerantly(text, |text| serde_json::from_str(text))
        .map_err(|error| AnswerError { reason: error.to_string() })?;
    Ok(answer.into())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "null_as_default")]
    outputs: Vec<Output>,
    #[serde(default)]
    hints: Value,
    #[serde(default)]
    query: Value,
    #[serde(default)]
    query_stats: Value,
    #[serde(default)]
    timing_diagnostics: Value,
}

#[derive(Deserialize)]
struct Output {
    id: String,
    #[serde(deserialize_with = "null_as_default")]
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    metric: String,
    #[serde(default)]
    tags: TagMembers,
    #[serde(default, rename = "aggregatedTags", deserialize_with = "null_as_default")]
    aggregated_tags: Vec<String>,
    dps: Vec<Point>,
}

#[derive(Deserialize)]
struct Point(Instant, Number);

struct Instant(Timestamp);

struct Number(f64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Instant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a timestamp in seconds")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Instant, E> {
                Ok(Instant(timestamp_from_whole(number)))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Instant, E> {
                let whole = i64::try_from(number).map_err(|_| beyond())?;
                Ok(Instant(timestamp_from_whole(whole)))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Instant, E> {
                Timestamp::from_number(number).map(Instant).ok_or_else(beyond)
            }
        }
        fn beyond<E: serde::de::Error>() -> E {
            E::custom("a timestamp is out of range")
        }
        input.deserialize_any(Reader)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or null")
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Number, E> {
                Ok(Number(f64::NAN))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "NaN" => Ok(Number(f64::NAN)),
                    "Infinity" => Ok(Number(f64::INFINITY)),
                    "-Infinity" => Ok(Number(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_type(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }
        input.deserialize_any(Reader)
    }
}

/// A member that is there, though it may be null.
fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(input)?.unwrap_or_default())
}

/// Tags as text, whatever scalar a value is; null has none.
#[derive(Default)]
pub(super) struct TagMembers(pub(super) Tags);

impl<'de> Deserialize<'de> for TagMembers {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let members = Option::<BTreeMap<String, Box<RawValue>>>::deserialize(input)?;
        let text = |(key, value): (String, Box<RawValue>)| match scalar_text(&value) {
            Some(text) => Ok((key, text)),
            None => Err(D::Error::custom(format!("tag `{key}` is not text"))),
        };
        members.unwrap_or_default().into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Answer> for QueryAnswer {
    fn from(answer: Answer) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let hints = list(&answer.hints);
        let stat = |name: &str| unsigned(&answer.query_stats, name);
        Self {
            outputs: answer.outputs.into_iter().map(AnswerOutput::from).collect(),
            hints: hints.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            query: echo(&answer.query),
            stats: QueryStats {
                points_processed: stat("dataPointsProcessed"),
                series: stat("numSeries"),
                elapsed_millis: stat("queryTimeMillis"),
            },
            timings: list(&answer.timing_diagnostics).iter().map(timing).collect(),
        }
    }
}

impl From<Output> for AnswerOutput {
    fn from(output: Output) -> Self {
        Self { id: output.id, series: output.result.into_iter().map(AnswerSeries::from).collect() }
    }
}

impl From<Series> for AnswerSeries {
    fn from(series: Series) -> Self {
        let name = TimeSeriesName::new(series.metric, series.tags.0);
        let points = series.dps.into_iter().map(|Point(instant, number)| (instant.0, number.0));
        Self {
            series: TimeSeries::from_points(name, points),
            aggregated_tags: series.aggregated_tags,
        }
    }
}

fn echo(query: &Value) -> QueryEcho {
    let instant = |name: &str| {
        let number = query.get(name).filter(|value| value.is_number());
        number.and_then(|number| timestamp_from(&number.to_string())).unwrap_or_default()
    };
    QueryEcho {
        text: text(query, "querytext"),
        range: TimeRange::new(instant("startTime"), instant("endTime")),
    }
}

fn timing(value: &Value) -> Timing {
    Timing {
        tag: text(value, "tag"),
        count: unsigned(value, "instanceCount"),
        elapsed_millis: unsigned(value, "totalElapsedTimeMillis"),
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn unsigned(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
