//! A registry and its simple version, doing the same.

use std::time::Duration;

use apptuit_metrics::{
    Counter, Gauge, Histogram, Key, Kind, Meter, Metric, Reading, Registry, Running, Sampling,
    Timer, counter, gauge, histogram, meter, timer,
};
use apptuit_model::{Tags, TimeSeriesName};

use super::model::{Instrument, Simple};
use super::same::{same_rates, same_values};
use super::{Act, Operation, Way, seconds};
use crate::Unsteady;

/// Metrics and tags; few, so that they meet.
pub(super) const NAMES: [(&str, &[(&str, &str)]); 4] =
    [("m", &[]), ("m", &[("k", "1")]), ("m", &[("k", "2")]), ("n{", &[("k", "1")])];

pub(super) struct World {
    clock: Unsteady,
    per_report: bool,
    registry: Registry,
    simple: Simple,
    handles: Vec<(Handle, usize)>,
    running: Vec<(Running<'static>, usize, i64)>,
}

#[derive(Clone)]
enum Handle {
    Counter(Counter),
    Histogram(Histogram),
    Meter(Meter),
    Timer(Timer),
    Gauge(Gauge),
}

/// The same call, however the instrument is named.
macro_rules! by {
    ($world:expr, $method:ident, $name:expr, $way:expr) => {{
        let (metric, pairs) = NAMES[$name];
        let registry = &$world.registry;
        match ($way, pairs) {
            (Way::Pairs, []) => registry.$method(metric),
            (Way::Pairs, [(key, value)]) => registry.$method((metric, [(key, value)])),
            (Way::Key, _) => registry.$method(&Key::new(name_of($name))),
            (Way::Macro, []) => $method!(in registry, metric).clone(),
            (Way::Macro, [(key, value)]) => {
                if (metric, *key, *value) == ("m", "k", "1") {
                    // A place in the program that keeps a handle.
                    $method!(in registry, "m", "k" => "1").clone()
                } else {
                    $method!(in registry, metric, key => value).clone()
                }
            }
            _ => registry.$method(name_of($name)),
        }
    }};
}

fn name_of(name: usize) -> TimeSeriesName {
    let (metric, pairs) = NAMES[name];
    TimeSeriesName::new(metric, pairs.iter().copied().collect::<Tags>())
}

impl World {
    pub(super) fn new(per_report: bool) -> Self {
        let sampling = Sampling::exponentially_decaying();
        let sampling = if per_report { sampling.per_report() } else { sampling };
        let clock = Unsteady::default();
        let registry = Registry::builder().clock(clock.clone()).sampling(sampling).build();
        let (simple, handles, running) = (Simple::default(), Vec::new(), Vec::new());
        Self { clock, per_report, registry, simple, handles, running }
    }

    pub(super) fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Ask { kind, name, way, act, keep } => {
                let handle = self.ask(*kind, *name, *way);
                let at = self.simple.find_or_create(*kind, &name_of(*name));
                self.act(&handle, at, act);
                if *keep {
                    self.handles.push((handle, at));
                }
            }
            Operation::Use { handle, act } if !self.handles.is_empty() => {
                let (handle, at) = self.handles[handle % self.handles.len()].clone();
                self.act(&handle, at, act);
            }
            Operation::Drop { handle } if !self.handles.is_empty() => {
                self.handles.remove(handle % self.handles.len());
            }
            Operation::Start { name } => {
                let timer = self.registry.timer(name_of(*name));
                let at = self.simple.find_or_create(Kind::Timer, &name_of(*name));
                self.running.push((timer.start_owned(), at, self.simple.now));
            }
            Operation::Stop { running } if !self.running.is_empty() => self.stop(*running),
            Operation::Remove { name, way } => {
                let removed = match way {
                    Way::Key => self.registry.remove(&Key::new(name_of(*name))),
                    _ => self.registry.remove(name_of(*name)),
                };
                assert_eq!(removed, self.simple.remove(&name_of(*name)));
            }
            Operation::Clear => {
                self.registry.clear();
                self.simple.remove_all();
            }
            Operation::Dump => self.compare(&self.registry.dump()),
            Operation::Report => {
                self.compare(&self.registry.report());
                if self.per_report {
                    self.simple.instruments.iter_mut().filter(|it| it.registered).for_each(|it| {
                        it.values.clear();
                    });
                }
            }
            Operation::Pass(seconds) => {
                self.simple.now = (self.simple.now + seconds).max(0);
                self.clock.set_secs(self.simple.now.cast_unsigned());
            }
            Operation::Use { .. } | Operation::Drop { .. } | Operation::Stop { .. } => {}
        }
        assert_eq!(self.registry.len(), self.simple.dump().len());
    }

    fn ask(&self, kind: Kind, name: usize, way: Way) -> Handle {
        match kind {
            Kind::Counter => Handle::Counter(by!(self, counter, name, way)),
            Kind::Histogram => Handle::Histogram(by!(self, histogram, name, way)),
            Kind::Meter => Handle::Meter(by!(self, meter, name, way)),
            Kind::Timer => Handle::Timer(by!(self, timer, name, way)),
            Kind::Gauge => Handle::Gauge(by!(self, gauge, name, way)),
        }
    }

    fn stop(&mut self, running: usize) {
        let (running, at, started) = self.running.remove(running % self.running.len());
        let (span, now) = (self.simple.now - started, self.simple.now);
        let stopped = running.stop();
        if span < 0 {
            assert_eq!(stopped, Duration::ZERO);
            self.simple.instruments[at].refused += 1;
        } else {
            assert_eq!(stopped, Duration::from_secs(span.cast_unsigned()));
            self.simple.instruments[at].record(span as f64, now);
        }
    }

    fn act(&mut self, handle: &Handle, at: usize, act: &Act) {
        let now = self.simple.now;
        let simple = &mut self.simple.instruments[at];
        match act {
            Act::Record(values) => {
                for value in values {
                    record(handle, simple, *value, now);
                }
            }
            Act::Clear => {
                match handle {
                    Handle::Counter(counter) => counter.clear(),
                    Handle::Histogram(histogram) => histogram.clear(),
                    Handle::Meter(meter) => meter.clear(),
                    Handle::Timer(timer) => timer.clear(),
                    Handle::Gauge(_) => return,
                }
                simple.clear(now);
            }
            Act::Read => match handle {
                Handle::Counter(counter) => assert_eq!(counter.count(), simple.count),
                Handle::Histogram(histogram) => same_values(&histogram.distribution(), simple, now),
                Handle::Meter(meter) => same_rates(meter.rates(), simple.rates(now)),
                Handle::Timer(timer) => {
                    same_values(&timer.distribution(), simple, now);
                    same_rates(timer.rates(), simple.rates(now));
                }
                Handle::Gauge(gauge) => {
                    assert_eq!(gauge.value().to_bits(), simple.value.to_bits());
                }
            },
        }
    }

    fn compare(&mut self, metrics: &[Metric]) {
        let (now, expected) = (self.simple.now, self.simple.dump());
        assert_eq!(metrics.len(), expected.len());
        for (metric, at) in metrics.iter().zip(expected) {
            let simple = &mut self.simple.instruments[at];
            assert_eq!((&metric.name, metric.kind), (&simple.name, simple.kind));
            assert_eq!(metric.refused, simple.refused, "{metric:?}");
            match &metric.reading {
                Reading::Counter(count) => assert_eq!(*count, simple.count),
                Reading::Gauge(value) => assert_eq!(value.to_bits(), simple.value.to_bits()),
                Reading::Meter(count, rates) => {
                    assert_eq!(*count, simple.count as f64);
                    same_rates(*rates, simple.rates(now));
                }
                Reading::Histogram(values) => {
                    assert_eq!(values.interval, self.per_report);
                    same_values(values, simple, now);
                }
                Reading::Timer(values, rates) => {
                    same_values(values, simple, now);
                    same_rates(*rates, simple.rates(now));
                }
                reading => panic!("unexpected: {reading:?}"),
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any whole number will do")]
fn record(handle: &Handle, simple: &mut Instrument, value: f64, now: i64) {
    match handle {
        Handle::Counter(counter) => {
            let n = value as i64;
            simple.count = simple.count.wrapping_add(n);
            match n {
                1 => counter.inc(),
                -1 => counter.dec(),
                _ if n % 2 == 0 => counter.dec_by(n.wrapping_neg()),
                _ => counter.inc_by(n),
            }
        }
        Handle::Meter(meter) => {
            let n = (value.abs() as i64).min(1000);
            meter.mark_n(n.cast_unsigned());
            simple.mark(n);
        }
        Handle::Histogram(histogram) => {
            histogram.record(value);
            simple.record(value, now);
        }
        Handle::Timer(timer) => {
            let duration = seconds(value);
            timer.record(duration);
            simple.record(duration.as_secs_f64(), now);
        }
        Handle::Gauge(gauge) => {
            gauge.set(value);
            simple.value = value;
        }
    }
}
