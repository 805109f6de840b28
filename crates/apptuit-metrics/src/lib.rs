//! Instruments, and the registry that holds them.
//!
//! | instrument | the question it answers | recorded with |
//! | --- | --- | --- |
//! | [`Counter`] | how many? | [`inc`](Counter::inc), [`dec`](Counter::dec) |
//! | [`Gauge`] | how much right now? | [`set`](Gauge::set), or a function that is asked |
//! | [`Meter`] | how often? | [`mark`](Meter::mark) |
//! | [`Histogram`] | how are values spread? | [`record`](Histogram::record) |
//! | [`Timer`] | how long, and how often? | [`time`](Timer::time), [`start`](Timer::start) |
//!
//! Ask a [`Registry`] for an instrument by name, keep the handle, and use it from any thread:
//! handles are cheap to clone and share what they count. Neither registering nor recording fails
//! or panics. [`collect`](collect::collect) turns all of a registry into points to be sent.
//!
//! ```
//! use apptuit_metrics::{Registry, collect::collect};
//! use apptuit_model::Timestamp;
//!
//! let registry = Registry::new();
//! registry.counter("orders.accepted").inc();
//! registry.gauge_fn("queue.depth", || 7.0);
//!
//! let collected = collect(&registry, "shop.", Timestamp::now());
//! let metrics: Vec<&str> = collected.points.iter().map(|point| point.metric()).collect();
//! assert_eq!(metrics, ["shop.orders.accepted.count", "shop.queue.depth.value"]);
//! ```
//!
//! # Features
//!
//! | feature | brings |
//! | --- | --- |
//! | `metrics-facade` | a recorder for the `metrics` facade: libraries instrumented with it report through a registry |
//! | `open-metrics` | a registry as the text that Prometheus reads, and as OpenMetrics |
//! | `testing` | recorder, assertions and scoped registries, for tests of what a program records |

#[cfg(any(feature = "metrics-facade", feature = "open-metrics"))]
mod bridge;
mod clock;
pub mod collect;
mod description;
mod fields;
#[cfg(not(loom))]
pub mod fork;
mod global;
mod instruments;
mod key;
mod lane;
mod macros;
#[cfg(all(loom, test))]
mod models;
mod moving_average;
mod reading;
mod recorder;
mod registry;
mod reservoir;
mod snapshot;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod totals;
mod values;

#[cfg(feature = "metrics-facade")]
pub use bridge::metrics_facade;
#[cfg(feature = "open-metrics")]
pub use bridge::open_metrics;
pub use clock::{Clock, ManualClock, SystemClock};
pub use description::Description;
pub use global::{global, set_global};
pub use instruments::{Counter, Gauge, Histogram, Meter, Running, Start, Timer};
pub use key::{Key, Named};
pub use moving_average::Ewma;
pub use reading::{Distribution, Kind, Metric, Rates, Reading};
pub use registry::{Offender, Registry, RegistryBuilder};
pub use reservoir::{ExponentiallyDecaying, LogLinear, Reservoir, Sampling, SlidingWindow};
pub use snapshot::Snapshot;

#[doc(hidden)]
pub use macros::site;
