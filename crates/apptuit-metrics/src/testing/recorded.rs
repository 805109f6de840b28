//! Questions to what was recorded, whose failures name what is there.

use std::fmt;

use apptuit_model::TimeSeriesName;

use crate::collect::plain_text;
use crate::{Distribution, Kind, Metric, Named, Reading, Registry};

/// The most instruments that a failure names.
const NAMED: usize = 20;

/// What the instruments of a registry said at one instant.
///
/// `Display` lists them, one a line.
///
/// ```
/// use apptuit_metrics::{Registry, testing::Recorded};
///
/// let registry = Registry::new();
/// registry.counter("orders").inc();
/// registry.gauge(("queue.depth", [("queue", "mail")])).set(7.0);
///
/// let recorded = Recorded::of(&registry);
/// assert_eq!(recorded.counter("orders"), 1);
/// assert_eq!(recorded.gauge(("queue.depth", [("queue", "mail")])), 7.0);
/// assert_eq!(recorded.to_string(), "counter `orders` = 1\ngauge `queue.depth{queue:mail}` = 7\n");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    metrics: Vec<Metric>,
}

impl Recorded {
    /// What the instruments of `registry` say now.
    pub fn of(registry: &Registry) -> Self {
        Self { metrics: registry.dump() }
    }

    /// The count of this counter.
    ///
    /// # Panics
    ///
    /// If there is no such counter; so with the other kinds.
    #[track_caller]
    pub fn counter(&self, name: impl Named) -> i64 {
        self.expect(Kind::Counter, &name.into_name(), |reading| match reading {
            Reading::Counter(count) => Some(*count),
            _ => None,
        })
    }

    /// The counts of all counters of this metric together, whatever their tags.
    ///
    /// # Panics
    ///
    /// If there is no counter of this metric.
    #[track_caller]
    pub fn counter_total(&self, metric: &str) -> i64 {
        let counts = self.series(metric).filter_map(|found| match found.reading {
            Reading::Counter(count) => Some(count),
            _ => None,
        });
        let total = counts.reduce(i64::wrapping_add);
        total.unwrap_or_else(|| self.fail(Kind::Counter, &metric.into()))
    }

    /// The value of this gauge, not a number if it was never set.
    ///
    /// # Panics
    ///
    /// If there is no such gauge, or its function panicked.
    #[track_caller]
    pub fn gauge(&self, name: impl Named) -> f64 {
        self.expect(Kind::Gauge, &name.into_name(), |reading| match reading {
            Reading::Gauge(value) => Some(*value),
            _ => None,
        })
    }

    /// The number of events of this meter, the whole ones of them.
    ///
    /// # Panics
    ///
    /// If there is no such meter.
    #[track_caller]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as documented")]
    pub fn meter(&self, name: impl Named) -> u64 {
        self.expect(Kind::Meter, &name.into_name(), |reading| match reading {
            Reading::Meter(count, _) => Some(*count as u64),
            _ => None,
        })
    }

    /// The values of this histogram.
    ///
    /// # Panics
    ///
    /// If there is no such histogram.
    #[track_caller]
    pub fn histogram(&self, name: impl Named) -> Distribution {
        self.expect(Kind::Histogram, &name.into_name(), |reading| match reading {
            Reading::Histogram(values) => Some(*values),
            _ => None,
        })
    }

    /// The durations of this timer, in seconds.
    ///
    /// # Panics
    ///
    /// If there is no such timer.
    #[track_caller]
    pub fn timer(&self, name: impl Named) -> Distribution {
        self.expect(Kind::Timer, &name.into_name(), |reading| match reading {
            Reading::Timer(durations, _) => Some(*durations),
            _ => None,
        })
    }

    /// What the instrument of this kind and name said, if there is one.
    pub fn get(&self, kind: Kind, name: impl Named) -> Option<&Metric> {
        let name = name.into_name();
        self.metrics.iter().find(|metric| metric.kind == kind && metric.name == name)
    }

    /// What the instruments of this metric said, whatever their kind and tags.
    pub fn series(&self, metric: &str) -> impl Iterator<Item = &Metric> {
        self.metrics.iter().filter(move |found| found.name.metric() == metric)
    }

    /// Makes sure that there is no instrument of this metric, whatever its kind and tags.
    ///
    /// # Panics
    ///
    /// If there is one.
    #[track_caller]
    pub fn assert_none(&self, metric: &str) {
        let found: Vec<_> = self.series(metric).map(described).collect();
        assert!(found.is_empty(), "expected nothing of `{metric}`, found {}", found.join(", "));
    }

    /// What was added since `before`.
    ///
    /// Counts of counters and meters, counts and sums of histograms and timers are differences, and
    /// means are theirs. All else cannot be subtracted, and is as it is now: values of gauges,
    /// rates, extremes, deviations and quantiles. An instrument that was not there before is as it
    /// is now.
    ///
    /// ```
    /// use apptuit_metrics::{Registry, testing::Recorded};
    ///
    /// let registry = Registry::new();
    /// let basket = registry.histogram("basket.items");
    /// basket.record(100);
    /// let before = Recorded::of(&registry);
    /// basket.record(3);
    /// basket.record(5);
    /// let added = Recorded::of(&registry).since(&before).histogram("basket.items");
    /// assert_eq!((added.count, added.sum, added.mean), (2, 8.0, 4.0));
    /// ```
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let subtracted = |now: &Metric| {
            let mut now = now.clone();
            if let Some(earlier) = before.get(now.kind, &now.name) {
                now.refused = now.refused.saturating_sub(earlier.refused);
                subtract(&mut now.reading, &earlier.reading);
            }
            now
        };
        Self { metrics: self.metrics.iter().map(subtracted).collect() }
    }

    #[track_caller]
    fn expect<T>(
        &self,
        kind: Kind,
        name: &TimeSeriesName,
        number: impl FnOnce(&Reading) -> Option<T>,
    ) -> T {
        let found = self.get(kind, name).and_then(|metric| number(&metric.reading));
        found.unwrap_or_else(|| self.fail(kind, name))
    }

    /// Says that an instrument is missing, and which there are: first those of its metric.
    #[track_caller]
    fn fail(&self, kind: Kind, name: &TimeSeriesName) -> ! {
        let missing = format!("no {kind} `{}`", plain_text(name));
        assert!(!self.metrics.is_empty(), "{missing}; nothing was recorded");
        let (near, far): (Vec<_>, Vec<_>) =
            self.metrics.iter().partition(|metric| metric.name.metric() == name.metric());
        let mut there: Vec<_> = near.into_iter().chain(far).take(NAMED).map(described).collect();
        if let Some(more @ 1..) = self.metrics.len().checked_sub(NAMED) {
            there.push(format!("and {more} more"));
        }
        panic!("{missing}; there are: {}", there.join(", "));
    }
}

/// The instruments and what they said, one a line, in the order of [`Registry::dump`].
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metrics.iter().try_for_each(|metric| writeln!(f, "{}", described(metric)))
    }
}

fn subtract(now: &mut Reading, before: &Reading) {
    match (now, before) {
        (Reading::Counter(now), Reading::Counter(before)) => *now = now.wrapping_sub(*before),
        (Reading::Meter(now, _), Reading::Meter(before, _)) => *now -= *before,
        (Reading::Histogram(now), Reading::Histogram(before))
        | (Reading::Timer(now, _), Reading::Timer(before, _)) => {
            now.count = now.count.saturating_sub(before.count);
            now.sum -= before.sum;
            now.mean = if now.count == 0 { 0.0 } else { now.sum / now.count as f64 };
        }
        _ => {}
    }
}

/// ``counter `orders{city:blr}` = 3``
fn described(metric: &Metric) -> String {
    let said = match &metric.reading {
        Reading::Counter(count) => count.to_string(),
        Reading::Gauge(value) => value.to_string(),
        Reading::Meter(count, _) => format!("{count} events"),
        Reading::Histogram(values) => format!("{} values, mean {}", values.count, values.mean),
        Reading::Timer(durations, _) => {
            format!("{} durations, mean {} s", durations.count, durations.mean)
        }
        Reading::Fields(fields) => format!("{fields:?}"),
        Reading::Failed(reason) => reason.clone(),
    };
    format!("{} `{}` = {said}", metric.kind, plain_text(&metric.name))
}
