//! A registry behind the `metrics` facade: every library instrumented with it reports through us.
//!
//! Install a [`FacadeRecorder`] once, before anything is recorded:
//!
//! ```
//! use apptuit_metrics::Registry;
//! use apptuit_metrics::metrics_facade::FacadeRecorder;
//!
//! let registry = Registry::new();
//! FacadeRecorder::new(&registry).install()?;
//!
//! // Somewhere in a library:
//! metrics::counter!("orders", "city" => "blr").increment(2);
//! metrics::histogram!("latency").record(0.25);
//!
//! assert_eq!(registry.counter(("orders", [("city", "blr")])).count(), 2);
//! assert_eq!(registry.histogram("latency").max(), 0.25);
//! # Ok::<(), apptuit_metrics::metrics_facade::InstallError>(())
//! ```
//!
//! | of the facade | is |
//! | --- | --- |
//! | counter | a counter that [only grows](crate::Description::only_grows) |
//! | gauge | a gauge, zero before its first increment or decrement |
//! | histogram | a histogram, of the [sampling](crate::RegistryBuilder::sampling) of the registry |
//! | labels | tags; of two with one key the later counts |
//! | unit and description | the [`Description`](crate::Description) of the metric |
//! | target and level | ignored |
//!
//! Incrementing a counter and recording into a histogram take no lock and allocate nothing but at a
//! thread's first use, by handle and by macro. A gauge is best kept as a handle: the macro looks it up
//! under a lock.
//!
//! Series that were idle for the [timeout](crate::RegistryBuilder::idle_timeout) are left out of
//! reports. One that a library holds a handle of comes back with its next change and goes on from
//! where it was; others are forgotten, and begin anew.
//!
//! A program can have several versions of the facade, and a recorder hears only those who use its
//! own. That one is [`metrics`], to be used through here where versions might part ways.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use apptuit_model::{Tags, TimeSeriesName};
pub use metrics;
use metrics::{CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

use crate::instruments::{Registered, Source, Tally, lock};
use crate::key::{self, sealed};
use crate::values::Values;
use crate::{Description, Registry};

/// A recorder of the `metrics` facade that keeps what it hears in a registry.
///
/// [Install](Self::install) it for the whole program, or use it for a part of it with
/// [`metrics::with_local_recorder`].
///
/// ```
/// use apptuit_metrics::Registry;
/// use apptuit_metrics::metrics_facade::{FacadeRecorder, metrics};
///
/// let registry = Registry::new();
/// let recorder = FacadeRecorder::new(&registry);
/// metrics::with_local_recorder(&recorder, || metrics::gauge!("queue.depth").set(7));
/// assert_eq!(registry.gauge("queue.depth").value(), 7.0);
/// ```
#[derive(Clone, Debug)]
pub struct FacadeRecorder {
    registry: Registry,
}

impl FacadeRecorder {
    /// A recorder into this registry.
    pub fn new(registry: &Registry) -> Self {
        Self { registry: registry.clone() }
    }

    /// Makes this the recorder of the whole program, for good.
    ///
    /// # Errors
    ///
    /// There is one already.
    pub fn install(self) -> Result<(), InstallError> {
        metrics::set_global_recorder(self).map_err(|_| InstallError)
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>, text: &str) {
        let description = match unit {
            // A number of things has no unit.
            None | Some(Unit::Count) => Description::new(text),
            Some(unit) => Description::new(text).unit(unit.as_str()),
        };
        self.registry.describe(key.as_str(), description);
    }
}

impl metrics::Recorder for FacadeRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, unit, &text);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let counter = self.registry.growing_counter(Named(key), key.name());
        Arc::clone(counter.hold()).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        Arc::clone(self.registry.gauge(Named(key)).hold()).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        Arc::clone(self.registry.histogram(Named(key)).hold()).into()
    }
}

impl CounterFn for Registered<Tally> {
    fn increment(&self, value: u64) {
        self.state.add(value.cast_signed());
    }

    fn absolute(&self, value: u64) {
        // One at a time, or two threads would both add what is missing.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = lock(&TURN);
        let missing = value.saturating_sub(self.state.count().cast_unsigned());
        self.state.add(missing.cast_signed());
    }
}

impl GaugeFn for Registered<Source> {
    fn increment(&self, value: f64) {
        self.state.add(value);
    }

    fn decrement(&self, value: f64) {
        self.state.add(-value);
    }

    fn set(&self, value: f64) {
        self.state.set(value);
    }
}

impl HistogramFn for Registered<Values> {
    fn record(&self, value: f64) {
        self.state.record(value);
    }
}

/// Labels that are sorted without an allocation.
const FEW: usize = 8;

/// A key of the facade as a name of ours.
struct Named<'a>(&'a Key);

impl<'a> Named<'a> {
    fn labels(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> {
        self.0.labels().map(|label| (label.key(), label.value()))
    }

    /// Asks something of the labels as [`Tags`] has them.
    fn sorted<R>(&self, ask: impl FnOnce(&[(&str, &str)]) -> R) -> R {
        let labels = self.labels();
        if labels.len() <= FEW {
            let (sorted, len) = key::sort::<FEW>(labels);
            return ask(&sorted[..len]);
        }
        let tags: Tags = labels.collect();
        ask(&tags.iter().collect::<Vec<_>>())
    }
}

impl sealed::Named for Named<'_> {
    fn hash(&self) -> u64 {
        self.sorted(|tags| key::hash(self.0.name(), tags.iter().copied()))
    }

    fn is(&self, name: &TimeSeriesName) -> bool {
        name.metric() == self.0.name()
            && self.sorted(|tags| name.tags().iter().eq(tags.iter().copied()))
    }

    fn into_name(self) -> TimeSeriesName {
        TimeSeriesName::new(self.0.name(), self.labels().collect::<Tags>())
    }
}

/// There is a recorder of the facade already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstallError;

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recorder for the `metrics` facade is installed already")
    }
}

impl Error for InstallError {}
