//! Instruments and registry as one would write them for one thread: numbers, lists, and a search.

use apptuit_metrics::Kind;
use apptuit_model::TimeSeriesName;

/// Seconds of a clock that may be turned back.
pub(super) type Seconds = i64;

/// All instruments that ever were, in the order of their creation; a handle is a place among them.
#[derive(Debug, Default)]
pub(super) struct Simple {
    pub(super) now: Seconds,
    pub(super) instruments: Vec<Instrument>,
}

#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) kind: Kind,
    pub(super) name: TimeSeriesName,
    pub(super) registered: bool,
    pub(super) count: i64,
    pub(super) value: f64,
    pub(super) refused: u64,
    /// Of the current interval.
    pub(super) values: Vec<f64>,
    pub(super) last: Option<Seconds>,
    rates: MovingRates,
}

impl Simple {
    pub(super) fn find_or_create(&mut self, kind: Kind, name: &TimeSeriesName) -> usize {
        let same = |it: &Instrument| it.registered && it.kind == kind && it.name == *name;
        self.instruments.iter().position(same).unwrap_or_else(|| {
            self.instruments.push(Instrument {
                kind,
                name: name.clone(),
                registered: true,
                count: 0,
                value: f64::NAN,
                refused: 0,
                values: Vec::new(),
                last: None,
                rates: MovingRates::new(self.now),
            });
            self.instruments.len() - 1
        })
    }

    /// Whether there was an instrument of that name.
    pub(super) fn remove(&mut self, name: &TimeSeriesName) -> bool {
        let named = |it: &&mut Instrument| it.registered && it.name == *name;
        self.instruments.iter_mut().filter(named).map(|it| it.registered = false).count() > 0
    }

    pub(super) fn remove_all(&mut self) {
        self.instruments.iter_mut().for_each(|it| it.registered = false);
    }

    /// The places of what is registered, in the order of a dump.
    pub(super) fn dump(&self) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..self.instruments.len()).filter(|n| self.instruments[*n].registered).collect();
        order.sort_by_key(|n| self.instruments[*n].kind);
        order
    }
}

impl Instrument {
    pub(super) fn record(&mut self, value: f64, now: Seconds) {
        if value.is_finite() {
            self.values.push(value);
            self.last = Some(now);
            self.mark(1);
        } else {
            self.refused += 1;
        }
    }

    pub(super) fn mark(&mut self, n: i64) {
        self.count = self.count.wrapping_add(n);
        self.rates.events += n as f64;
        self.rates.moving.iter_mut().for_each(|it| it.uncounted += n as f64);
    }

    pub(super) fn clear(&mut self, now: Seconds) {
        self.count = 0;
        self.values.clear();
        self.rates = MovingRates::new(now);
    }

    /// Mean, and those of one, five and fifteen minutes.
    pub(super) fn rates(&mut self, now: Seconds) -> [f64; 4] {
        let elapsed = now - self.rates.start;
        let mean = if elapsed > 0 { self.rates.events / elapsed as f64 } else { 0.0 };
        let [one, five, fifteen] = self.rates.moving.each_mut().map(|it| it.read(now));
        [mean, one, five, fifteen]
    }

    pub(super) fn sum(&self) -> f64 {
        self.values.iter().sum()
    }

    pub(super) fn mean(&self) -> f64 {
        if self.values.is_empty() { 0.0 } else { self.sum() / self.values.len() as f64 }
    }

    /// In two passes, which lose nothing.
    pub(super) fn std_dev(&self) -> f64 {
        let (mean, n) = (self.mean(), self.values.len() as f64);
        let squares: f64 = self.values.iter().map(|value| (value - mean).powi(2)).sum();
        if n < 2.0 { 0.0 } else { (squares / (n - 1.0)).sqrt() }
    }

    /// The k-th of n values stands at k / (n + 1).
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let place = share * (sorted.len() as f64 + 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
        let (at, part) = (place as usize, place.fract());
        match (at, sorted.get(at)) {
            _ if sorted.is_empty() => 0.0,
            (0, _) => sorted[0],
            (_, None) => sorted[sorted.len() - 1],
            (_, Some(next)) => sorted[at - 1] + part * (next - sorted[at - 1]),
        }
    }
}

#[derive(Debug)]
struct MovingRates {
    start: Seconds,
    events: f64,
    moving: [Moving; 3],
}

#[derive(Debug)]
struct Moving {
    minutes: f64,
    uncounted: f64,
    rate: Option<f64>,
    last_tick: Seconds,
}

impl MovingRates {
    fn new(now: Seconds) -> Self {
        let moving = |minutes| Moving { minutes, uncounted: 0.0, rate: None, last_tick: now };
        Self { start: now, events: 0.0, moving: [1.0, 5.0, 15.0].map(moving) }
    }
}

impl Moving {
    fn read(&mut self, now: Seconds) -> f64 {
        let span = (now - self.last_tick) as f64;
        if span >= 5.0 {
            let recent = self.uncounted / span;
            let rate = self.rate.unwrap_or(recent);
            let weight = 1.0 - (-span / (60.0 * self.minutes)).exp();
            self.rate = Some(rate + weight * (recent - rate));
            (self.uncounted, self.last_tick) = (0.0, now);
        }
        self.rate.unwrap_or(0.0)
    }
}
