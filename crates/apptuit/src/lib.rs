//! Send, report and query time series.
//!
//! Count with the instruments of a [`Registry`](metrics::Registry), let a [`Reporter`] send them
//! every few seconds, and ask for them again with [`Client::query`]:
//!
//! ```no_run
#![doc = include_str!("../examples/tour.rs")]
//! ```
//!
//! # What goes where
//!
//! | to | use |
//! | --- | --- |
//! | send points or series by hand | [`Client::send`], [`Client::send_series`] |
//! | send instruments regularly | [`Reporter`] |
//! | query | [`Client::query`], which gives a [`QueryResult`] and [`Frame`]s |
//! | know what to do after a failure | [`Error::kind`], [`Error::is_retryable`], [`Error::rejected`] |
//! | report what libraries record with the `metrics` facade | `metrics::metrics_facade` (feature `metrics-facade`) |
//! | hand a query's answer to a data frame library | [`Frame`]; `Frame::into_record_batch` (feature `arrow`) |
//! | be scraped by Prometheus too | `metrics::open_metrics` (feature `open-metrics`) |
//! | test what a program does in an outage | `testing` (feature `testing`) |
//! | test what a program records | `metrics::testing` (feature `testing`) |
//! | test without a server | [`MockTransport`](client::MockTransport), a [`PointSink`](reporter::PointSink) of your own |
//!
//! Names are free text for the instruments. The client turns them into metric names when it sends,
//! by its [`Sanitizer`]: under the default, `proc.cpu` is sent, and must be queried, as `proc_cpu`.
//!
//! All calls block; nothing here needs an async runtime. On one, `AsyncClient` (feature `tokio`) has
//! the same calls to be awaited.

#[cfg(feature = "tokio")]
mod async_client;
pub mod client;
mod error;
mod frame;
pub mod reporter;
mod result;
#[cfg(feature = "testing")]
pub mod testing;

pub use apptuit_metrics as metrics;
pub use apptuit_model::{
    DataPoint, NameError, Sanitizer, Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp,
    decode_metric, encode_metric, encode_sorted,
};
#[cfg(feature = "tokio")]
pub use async_client::AsyncClient;
pub use client::{Client, ClientBuilder, RetryPolicy};
pub use error::{Error, ErrorKind, Rejection, Result};
pub use frame::Frame;
pub use reporter::Reporter;
pub use result::{Output, OutputKey, QueryResult};

/// The Rust code of the README is compiled with the examples of this crate.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So is that of the guides.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/instrument.md")]
struct InstrumentGuide;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/query.md")]
struct QueryGuide;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/send.md")]
struct SendGuide;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/report.md")]
struct ReportGuide;

#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../../../docs/guide/testing.md")]
struct TestingGuide;
