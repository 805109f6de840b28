//! The registry, in the words of others.

#[cfg(feature = "metrics-facade")]
pub mod metrics_facade;
#[cfg(feature = "open-metrics")]
pub mod open_metrics;
