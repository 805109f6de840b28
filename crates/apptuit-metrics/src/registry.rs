//! Instruments by name: get or create, remove, dump.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use apptuit_model::TimeSeriesName;

use crate::instruments::{Counter, Gauge, Histogram, Meter, Timer, lock};
use crate::{Clock, Kind, Metric, Reading, SystemClock};

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
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

impl Registry {
    /// An empty registry on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(SystemClock)
    }

    /// An empty registry whose instruments read `clock`.
    pub fn with_clock(clock: impl Clock) -> Self {
        let shared = Shared { clock: Arc::new(clock), tables: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The counter of this name, created if need be.
    pub fn counter(&self, name: impl Into<TimeSeriesName>) -> Counter {
        self.get_or_create(name.into(), |tables| &mut tables.counters, |_| Counter::new())
    }

    /// The gauge of this name, created without a value if need be.
    ///
    /// If the name belongs to a [`gauge_fn`](Self::gauge_fn), the gauge reads that function, and
    /// setting it changes nothing.
    pub fn gauge(&self, name: impl Into<TimeSeriesName>) -> Gauge {
        self.get_or_create(name.into(), |tables| &mut tables.gauges, |_| Gauge::new())
    }

    /// Registers a gauge whose value is what `read` returns, asked at every dump.
    ///
    /// Of two gauges of one name the first stays. `read` may use the registry; if it panics, it
    /// loses its own value and no other.
    #[doc(alias = "CallbackGauge")]
    pub fn gauge_fn(
        &self,
        name: impl Into<TimeSeriesName>,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.get_or_create(name.into(), |tables| &mut tables.gauges, |_| Gauge::reading(read));
    }

    /// The meter of this name, created if need be.
    pub fn meter(&self, name: impl Into<TimeSeriesName>) -> Meter {
        self.get_or_create(name.into(), |tables| &mut tables.meters, Meter::new)
    }

    /// The histogram of this name, created if need be.
    pub fn histogram(&self, name: impl Into<TimeSeriesName>) -> Histogram {
        self.get_or_create(name.into(), |tables| &mut tables.histograms, Histogram::new)
    }

    /// The timer of this name, created if need be.
    pub fn timer(&self, name: impl Into<TimeSeriesName>) -> Timer {
        self.get_or_create(name.into(), |tables| &mut tables.timers, Timer::new)
    }

    /// Forgets the instruments of this name, of every kind; whether there were any.
    ///
    /// Handles go on working, but are no longer reported.
    #[doc(alias = "unregister")]
    pub fn remove(&self, name: impl Into<TimeSeriesName>) -> bool {
        let name = name.into();
        // The gauge is dropped without the lock: its function may own anything, even this registry.
        let (any, _gauge) = self.tables().remove(&name);
        any
    }

    /// Forgets all instruments. Handles go on working, but are no longer reported.
    pub fn clear(&self) {
        // Dropped without the lock, as in `remove`.
        let forgotten = std::mem::take(&mut *self.tables());
        drop(forgotten);
    }

    /// The number of instruments.
    pub fn len(&self) -> usize {
        self.tables().len()
    }

    /// Whether there are no instruments.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The clock the instruments read.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// What every instrument says now.
    ///
    /// The set of instruments is that of one instant, and the fields of each were read together.
    /// Order: counters, histograms, meters, timers, gauges, each as they were created. Functions of
    /// gauges run in the calling thread, and no lock is held meanwhile.
    #[doc(alias = "dump_metrics")]
    pub fn dump(&self) -> Vec<Metric> {
        let tables = self.tables().clone();
        let mut dump = Vec::with_capacity(tables.len());
        dump.extend(tables.counters.read(Kind::Counter, Counter::read));
        dump.extend(tables.histograms.read(Kind::Histogram, Histogram::read));
        dump.extend(tables.meters.read(Kind::Meter, Meter::read));
        dump.extend(tables.timers.read(Kind::Timer, Timer::read));
        dump.extend(tables.gauges.read(Kind::Gauge, Gauge::read));
        dump
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.shared.tables)
    }

    fn get_or_create<I: Clone>(
        &self,
        name: TimeSeriesName,
        table: fn(&mut Tables) -> &mut Table<I>,
        create: impl FnOnce(Arc<dyn Clock>) -> I,
    ) -> I {
        let found = table(&mut self.tables()).get(&name);
        if let Some(found) = found {
            return found;
        }
        // Created without the lock, because it reads the clock; whoever inserts first wins. The
        // loser is dropped at the end, without the lock again.
        let created = create(self.clock().clone());
        table(&mut self.tables()).get_or_insert(name, &created)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("instruments", &self.len())
            .field("clock", self.clock())
            .finish()
    }
}

#[derive(Clone, Default)]
struct Tables {
    counters: Table<Counter>,
    histograms: Table<Histogram>,
    meters: Table<Meter>,
    timers: Table<Timer>,
    gauges: Table<Gauge>,
}

impl Tables {
    fn len(&self) -> usize {
        self.counters.len()
            + self.histograms.len()
            + self.meters.len()
            + self.timers.len()
            + self.gauges.len()
    }

    /// Whether anything was removed, and the gauge, which may own foreign code.
    fn remove(&mut self, name: &TimeSeriesName) -> (bool, Option<Gauge>) {
        let gauge = self.gauges.remove(name);
        let others = [
            self.counters.remove(name).is_some(),
            self.histograms.remove(name).is_some(),
            self.meters.remove(name).is_some(),
            self.timers.remove(name).is_some(),
        ];
        (gauge.is_some() || others.contains(&true), gauge)
    }
}

/// Instruments of one kind.
#[derive(Clone)]
struct Table<I> {
    by_name: HashMap<TimeSeriesName, Entry<I>>,
    created: u64,
}

#[derive(Clone)]
struct Entry<I> {
    number: u64,
    instrument: I,
}

impl<I: Clone> Table<I> {
    fn get(&self, name: &TimeSeriesName) -> Option<I> {
        self.by_name.get(name).map(|entry| entry.instrument.clone())
    }

    fn get_or_insert(&mut self, name: TimeSeriesName, created: &I) -> I {
        let number = self.created;
        let entry = self.by_name.entry(name).or_insert_with(|| {
            self.created += 1;
            Entry { number, instrument: created.clone() }
        });
        entry.instrument.clone()
    }

    fn remove(&mut self, name: &TimeSeriesName) -> Option<I> {
        self.by_name.remove(name).map(|entry| entry.instrument)
    }

    fn len(&self) -> usize {
        self.by_name.len()
    }

    /// What the instruments say, in the order of their creation.
    fn read(self, kind: Kind, read: impl Fn(&I) -> Reading) -> impl Iterator<Item = Metric> {
        let mut entries: Vec<_> = self.by_name.into_iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.number);
        entries.into_iter().map(move |(name, entry)| Metric {
            name,
            kind,
            reading: read(&entry.instrument),
            refused: 0,
        })
    }
}

// Derived, it would ask for a default instrument.
impl<I> Default for Table<I> {
    fn default() -> Self {
        Self { by_name: HashMap::new(), created: 0 }
    }
}
