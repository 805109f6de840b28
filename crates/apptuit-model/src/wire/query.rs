//! The answer to a query, and what is said instead when it fails.

mod decode;
mod failure;
mod outputs;
mod points;

pub use decode::AnswerError;
pub use failure::{QueryFailure, failure_message};

use super::number::{push_f64, push_timestamp, push_u64};
use super::sha1::sha1_base64;
use crate::json::push_string;
use crate::{TimeRange, TimeSeries};

/// What a query found.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryAnswer {
    /// The outputs, in the order the query names them.
    pub outputs: Vec<AnswerOutput>,
    /// Advice for people.
    pub hints: Vec<String>,
    /// What was asked.
    pub query: QueryEcho,
    /// How much work it was.
    pub stats: QueryStats,
    /// Where the time went.
    pub timings: Vec<Timing>,
}

/// One output of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerOutput {
    /// Its name, each once.
    pub id: String,
    /// Its series, which may be none.
    pub series: Vec<AnswerSeries>,
}

/// One series of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerSeries {
    /// Name and points.
    pub series: TimeSeries,
    /// Keys of tags that differed among the series this one was made of.
    pub aggregated_tags: Vec<String>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryEcho {
    /// The query as it was sent.
    pub text: String,
    /// The time asked for.
    pub range: TimeRange,
}

/// How much work a query was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Points read.
    pub points_processed: u64,
    /// Series read.
    pub series: u64,
    /// Time taken, in milliseconds.
    pub elapsed_millis: u64,
}

/// Time spent on one part of the work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Which part, such as `QUERY_EXECUTION_TOTAL_TIME`.
    pub tag: String,
    /// How often it was done.
    pub count: u64,
    /// Time taken in all, in milliseconds.
    pub elapsed_millis: u64,
}

impl QueryAnswer {
    /// The answer's JSON. Values that are not finite are written as `null`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = String::from("{\"outputs\":[");
        push_list(&mut out, &self.outputs, push_output);
        out.push_str("],\"hints\":[");
        push_list(&mut out, &self.hints, |out, hint| push_string(out, hint));
        out.push_str("],\"query\":{");
        push_echo(&mut out, &self.query);
        out.push_str(",\"digest\":");
        push_string(&mut out, &format!("{}:0", sha1_base64(&self.query.text)));
        out.push_str(",\"optionsdigest\":\"\",\"options\":\"{}\"},\"query_stats\":{");
        // Old readers know these names; there are no rows and no HBase behind them.
        out.push_str("\"compactedRows\":0,\"processedRows\":0,\"dataPointsProcessed\":");
        push_u64(&mut out, self.stats.points_processed);
        out.push_str(",\"numSeries\":");
        push_u64(&mut out, self.stats.series);
        out.push_str(",\"queryTimeMillis\":");
        push_u64(&mut out, self.stats.elapsed_millis);
        out.push_str(",\"hbaseTimeMillis\":0},\"timing_diagnostics\":[");
        push_list(&mut out, &self.timings, push_timing);
        out.push_str("]}");
        out.into_bytes()
    }

    /// Reads an answer. Members that are not known are ignored; only `outputs` has to be there.
    ///
    /// A value may be `null` or a bare `NaN`, read as NaN, and a bare `Infinity` or `-Infinity`.
    ///
    /// # Errors
    ///
    /// The body is no JSON, has no `outputs`, or an output does not have the shape of one.
    pub fn decode(body: &[u8]) -> Result<Self, AnswerError> {
        decode::decode(body)
    }

    /// The same by a general JSON library alone: slower, and what [`decode`](Self::decode) is held to.
    ///
    /// # Errors
    ///
    /// As of [`decode`](Self::decode).
    pub fn decode_by_library(body: &[u8]) -> Result<Self, AnswerError> {
        decode::by_library(decode::text_of(body)?)
    }
}

/// Appends the members that answers and failures share, without braces.
fn push_echo(out: &mut String, echo: &QueryEcho) {
    out.push_str("\"querytext\":");
    push_string(out, &echo.text);
    out.push_str(",\"startTime\":");
    push_timestamp(out, echo.range.start());
    out.push_str(",\"endTime\":");
    push_timestamp(out, echo.range.end());
}

fn push_output(out: &mut String, output: &AnswerOutput) {
    out.push_str("{\"id\":");
    push_string(out, &output.id);
    out.push_str(",\"result\":[");
    push_list(out, &output.series, push_series);
    out.push_str("]}");
}

fn push_series(out: &mut String, answer: &AnswerSeries) {
    out.push_str("{\"metric\":");
    push_string(out, answer.series.metric());
    out.push_str(",\"tags\":{");
    push_list(out, answer.series.tags().iter(), |out, (key, value)| {
        push_string(out, key);
        out.push(':');
        push_string(out, value);
    });
    out.push_str("},\"aggregatedTags\":[");
    push_list(out, &answer.aggregated_tags, |out, key| push_string(out, key));
    out.push_str("],\"dps\":[");
    push_list(out, answer.series.iter(), |out, (timestamp, value)| {
        out.push('[');
        push_timestamp(out, timestamp);
        out.push(',');
        push_f64(out, value);
        out.push(']');
    });
    out.push_str("]}");
}

fn push_timing(out: &mut String, timing: &Timing) {
    out.push_str("{\"tag\":");
    push_string(out, &timing.tag);
    out.push_str(",\"instanceCount\":");
    push_u64(out, timing.count);
    out.push_str(",\"totalElapsedTimeMillis\":");
    push_u64(out, timing.elapsed_millis);
    out.push('}');
}

fn push_list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        push(out, item);
    }
}
