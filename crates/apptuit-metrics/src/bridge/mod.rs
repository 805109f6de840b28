//! The registry, in the words of others.

#[cfg(feature = "open-metrics")]
pub mod open_metrics;
