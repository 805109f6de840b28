//! Instruments by name.

mod builder;
mod cache;
mod dump;
mod idle;
mod instrument;
mod look_up;
mod offenders;
mod table;

pub use builder::RegistryBuilder;
pub use offenders::Offender;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::clock::Time;
use crate::description::Descriptions;
use crate::instruments::{Counter, Durations, Gauge, Histogram, Meter, Pace, Source, Tally, Timer};
use crate::lane::open;
use crate::values::Values;
use crate::{Clock, Kind, Named, Reading, Sampling};
use idle::Idle;
pub(crate) use instrument::Handle;
use instrument::{Asked, Instrument};
use table::Table;
pub(crate) use table::is_overflow;

/// Instruments by name.
///
/// A clone is the same registry. Each kind has its own names, so that asking for a meter named
/// like a counter makes a meter; registering cannot fail.
///
/// ```
/// use apptuit_metrics::Registry;
///
/// let registry = Registry::new();
/// registry.counter("orders.accepted").inc();
/// registry.counter("orders.accepted").inc();
/// assert_eq!(registry.counter("orders.accepted").count(), 2);
/// assert_eq!(registry.len(), 1);
/// ```
#[doc(alias = "MetricRegistry")]
#[doc(alias = "MetricsRegistry")]
#[doc(alias = "Recorder")]
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    /// A number that no other registry has, whose bits can be mixed into hashes.
    id: u64,
    /// At first the number above, and another after each removal.
    version: AtomicU64,
    time: Time,
    clock: Arc<dyn Clock>,
    sampling: Sampling,
    table: RwLock<Table>,
    idle: Option<Mutex<Idle>>,
    descriptions: Descriptions,
}

impl Registry {
    /// An empty registry on the machine's clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// An empty registry whose instruments read `clock`.
    pub fn with_clock(clock: impl Clock) -> Self {
        Self::builder().clock(clock).build()
    }

    /// Settings for a registry.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::new()
    }

    fn of(settings: RegistryBuilder) -> Self {
        let id = unique();
        let shared = Shared {
            id,
            version: AtomicU64::new(id),
            clock: settings.time.clock(),
            time: settings.time,
            sampling: settings.sampling,
            table: RwLock::new(Table::with_cap(settings.cap)),
            idle: settings.idle_timeout.map(|timeout| Mutex::new(Idle::new(timeout))),
            descriptions: Descriptions::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The counter of this name, created if need be.
    pub fn counter(&self, name: impl Named) -> Counter {
        self.get_or_create(name, |_| Tally::new())
    }

    /// The counter of this name, of a metric whose counters are known to only grow.
    #[cfg(feature = "metrics-facade")]
    pub(crate) fn growing_counter(&self, name: impl Named, metric: &str) -> Counter {
        self.get_or_create(name, |shared| {
            shared.descriptions.grows(metric);
            Tally::new()
        })
    }

    /// The gauge of this name, created without a value if need be.
    ///
    /// If the name belongs to a [`gauge_fn`](Self::gauge_fn), the gauge reads that function, and
    /// setting it changes nothing.
    pub fn gauge(&self, name: impl Named) -> Gauge {
        self.get_or_create(name, |_| Source::unset())
    }

    /// Registers a gauge whose value is what `read` returns, asked at every dump.
    ///
    /// Of two gauges of one name the first stays. `read` may use the registry; if it panics, it
    /// loses its own value and no other.
    #[doc(alias = "CallbackGauge")]
    pub fn gauge_fn(&self, name: impl Named, read: impl Fn() -> f64 + Send + Sync + 'static) {
        let _: Gauge = self.get_or_create(name, |_| Source::reading(read));
    }

    /// Registers an instrument of any kind that is what `read` says, asked at every dump: one that
    /// was made elsewhere, or is of a kind of its own.
    ///
    /// Of two of one name and kind that are asked the first stays, and a name that the cap of its
    /// metric does not let in is left out; whether it was registered. `read` may use the registry;
    /// if it panics, it loses its own values and no other.
    ///
    /// ```
    /// use apptuit_metrics::{Counter, Kind, Registry};
    ///
    /// let orders = Counter::new();
    /// let registry = Registry::new();
    /// let handle = orders.clone();
    /// assert!(registry.reading_fn("orders.accepted", Kind::Counter, move || handle.reading()));
    /// orders.inc();
    /// assert_eq!(registry.dump()[0].fields(), [("count", 1.0)]);
    /// ```
    pub fn reading_fn(
        &self,
        name: impl Named,
        kind: Kind,
        read: impl Fn() -> Reading + Send + Sync + 'static,
    ) -> bool {
        // Dropped without the lock if it is not taken: a function may own anything.
        let mut asked = Some(Asked { kind, read: Box::new(read) });
        self.write().insert_asked(name.into_name(), &mut asked);
        asked.is_none()
    }

    /// The meter of this name, created if need be.
    pub fn meter(&self, name: impl Named) -> Meter {
        self.get_or_create(name, |shared| Pace::new(shared.time.clone()))
    }

    /// The histogram of this name, created if need be.
    pub fn histogram(&self, name: impl Named) -> Histogram {
        self.get_or_create(name, |shared| Values::new(shared.time.clone(), &shared.sampling))
    }

    /// The histogram of this name, created with a reservoir of its own if need be.
    pub fn histogram_with(&self, name: impl Named, sampling: &Sampling) -> Histogram {
        self.get_or_create(name, |shared| Values::new(shared.time.clone(), sampling))
    }

    /// The timer of this name, created if need be.
    pub fn timer(&self, name: impl Named) -> Timer {
        self.get_or_create(name, |shared| Durations::new(shared.time.clone(), &shared.sampling))
    }

    /// The timer of this name, created with a reservoir of its own if need be.
    pub fn timer_with(&self, name: impl Named, sampling: &Sampling) -> Timer {
        self.get_or_create(name, |shared| Durations::new(shared.time.clone(), sampling))
    }

    /// Forgets the instruments of this name, of every kind; whether there were any.
    ///
    /// Handles go on working, but are no longer reported.
    #[doc(alias = "unregister")]
    pub fn remove(&self, name: impl Named) -> bool {
        let name = name.into_name();
        // Dropped without the lock: a gauge's function may own anything, even this registry.
        let removed = self.write().take(&name, |_| true);
        removed.iter().for_each(Instrument::remove);
        self.invalidate_handles();
        !removed.is_empty()
    }

    /// Forgets all instruments. Handles go on working, but are no longer reported.
    pub fn clear(&self) {
        // Dropped without the lock, as in `remove`.
        let removed = self.write().take_all();
        removed.iter().for_each(Instrument::remove);
        self.invalidate_handles();
    }

    /// The number of instruments.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are no instruments.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The clock the instruments read.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Metrics that have tags, the worst first: which metric grows, and by which tag.
    ///
    /// The worst had the most series swallowed by a
    /// [cap](RegistryBuilder::max_series_per_metric); of those that are even, it has the most series.
    ///
    /// ```
    /// use apptuit_metrics::Registry;
    ///
    /// let registry = Registry::new();
    /// for user in ["ann", "bob", "cid"] {
    ///     registry.counter(("logins", [("host", "a"), ("user", user)])).inc();
    /// }
    /// let worst = &registry.offenders()[0];
    /// assert_eq!((&*worst.metric, worst.series), ("logins", 3));
    /// assert_eq!((&*worst.tag, worst.values), ("user", 3));
    /// ```
    pub fn offenders(&self) -> Vec<Offender> {
        offenders::offenders(&self.read())
    }

    pub(crate) fn descriptions(&self) -> &Descriptions {
        &self.shared.descriptions
    }

    pub(crate) fn id(&self) -> u64 {
        self.shared.id
    }

    /// A number that other registries do not have, and that changes when instruments are removed.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    /// Has all places that keep handles look again.
    fn invalidate_handles(&self) {
        self.shared.version.fetch_add(1, Ordering::AcqRel);
        cache::invalidate();
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        open(self.shared.table.read())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        open(self.shared.table.write())
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Threads keep handles of what they asked for; of no use any more, and maybe large.
        cache::invalidate();
    }
}

/// A number that no other registry has, far from those of all others.
///
/// Counted and not drawn: a program may seed the random numbers, and then they come again.
fn unique() -> u64 {
    static MADE: AtomicU64 = AtomicU64::new(1);
    // 2^64 divided by the golden ratio: multiples of it are spread evenly, and odd, so none is twice.
    MADE.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("instruments", &self.len())
            .field("clock", self.clock())
            .finish()
    }
}
