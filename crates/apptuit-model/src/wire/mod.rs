//! How the nouns travel: JSON bodies and their compression.
//!
//! Numbers are written in their shortest form that reads back as the same bits. Timestamps are
//! seconds, with a fraction only where there is one, and above 10^11 milliseconds.

mod encoding;
mod inflate;
mod nearest;
mod number;
mod pack;
mod put;
mod query;
mod scan;
mod sha1;

pub use encoding::ContentEncoding;
pub use inflate::{InflateError, Inflater};
pub use number::timestamp_text;
pub use pack::PackEffort;
pub use put::{
    DecodedPut, NewSeries, PointError, PutAnswer, PutBodyError, PutColumns, PutLimits, PutPacker,
    RefusedPoint, SeriesNumbers, decode_points, decode_put, encode_points, encode_series,
};
pub use query::{
    AnswerError, AnswerOutput, AnswerSeries, QueryAnswer, QueryEcho, QueryFailure, QueryStats,
    Timing, failure_message,
};

/// Where points are posted.
pub const PUT_PATH: &str = "/api/put";
/// Where queries are asked.
pub const QUERY_PATH: &str = "/api/query";
/// Where names are looked up by their first letters.
pub const SUGGEST_PATH: &str = "/api/suggest";
/// The service a client talks to if it is not told another.
pub const DEFAULT_ENDPOINT: &str = "https://api.apptuit.ai";
/// The media type of all bodies.
pub const JSON: &str = "application/json";
