//! The nouns a time-series client and its server agree on, and how they travel.
//!
//! | word | meaning |
//! | --- | --- |
//! | metric | what is measured: `node.cpu` |
//! | tag | a key and a value that tell series of one metric apart: `host=a` |
//! | [`TimeSeriesName`] | a metric and its [`Tags`]: the identity of a series |
//! | [`DataPoint`] | one value of one series at one [`Timestamp`] |
//! | [`TimeSeries`] | many values of one series, in order of time |
//! | [`TimeRange`] | an interval of time, both ends in |
//! | [`Step`] | a regular interval such as `1m` |
//! | [`Sanitizer`] | the rule that turns free text into a metric name or a tag key |
//!
//! There are no sockets, files or threads here. The JSON bodies and their compression are in
//! `wire` (feature `wire`), selectors of series in [`Selector`] (feature `selector`).

#![forbid(unsafe_code)]

pub mod body_key;
mod encoded_name;
mod error;
mod json;
pub mod limits;
mod name;
mod point;
mod sanitize;
#[cfg(feature = "selector")]
mod selector;
mod series;
mod tags;
mod time;
#[cfg(feature = "wire")]
pub mod wire;

pub use encoded_name::{decode_metric, encode_metric, encode_sorted};
pub use error::{NameError, SanitizerError, StepError};
pub use name::TimeSeriesName;
pub use point::DataPoint;
pub use sanitize::{Sanitizer, is_valid_name};
#[cfg(feature = "selector")]
pub use selector::{MatchOp, Selector, SelectorError, TagMatcher};
pub use series::TimeSeries;
pub use tags::Tags;
pub use time::{Step, TimeRange, Timestamp};
