//! An instrument of any kind, as a registry keeps it.

use std::sync::Arc;

use apptuit_model::TimeSeriesName;

use crate::instruments::{
    Counter, Durations, Gauge, Histogram, Hold, Meter, Pace, Registered, Source, Tally, Timer,
    isolate,
};
use crate::lane::Sums;
use crate::values::Values;
use crate::{Kind, Metric, Reading};

/// An instrument of any kind.
#[derive(Clone)]
pub(crate) enum Instrument {
    Counter(Arc<Registered<Tally>>),
    Histogram(Arc<Registered<Values>>),
    Meter(Arc<Registered<Pace>>),
    Timer(Arc<Registered<Durations>>),
    Gauge(Arc<Registered<Source>>),
    Asked(Arc<Registered<Asked>>),
}

/// An instrument of any kind that is a function.
pub(crate) struct Asked {
    pub(super) kind: Kind,
    pub(super) read: Box<dyn Fn() -> Reading + Send + Sync>,
}

impl Asked {
    fn read(&self) -> Reading {
        isolate(|| (self.read)()).unwrap_or_else(|panic| {
            let said = panic.map(|message| format!(": `{message}`")).unwrap_or_default();
            Reading::Failed(format!("the {}'s function panicked{said}", self.kind))
        })
    }
}

/// A handle that a thread may keep: of any kind, but for gauges, whose functions own what they like.
#[derive(Clone)]
pub(crate) enum AnyHandle {
    Counter(Counter),
    Histogram(Histogram),
    Meter(Meter),
    Timer(Timer),
}

/// What handles of all kinds have in common.
pub(crate) trait Handle: Clone {
    /// What the instrument shares with its handles.
    type State;

    /// The handle of a state.
    fn of(hold: Hold<Self::State>) -> Self;
    /// The state of a handle.
    fn hold(&self) -> &Hold<Self::State>;
    /// A registered state as an instrument.
    fn pack(state: Arc<Registered<Self::State>>) -> Instrument;
    /// The state of an instrument, if it is of this kind.
    fn unpack(instrument: &Instrument) -> Option<&Arc<Registered<Self::State>>>;
    /// The handle as one of any kind, if it may be kept.
    fn lift(self) -> Option<AnyHandle>;
    /// The handle, if it is of this kind.
    fn sink(handle: &AnyHandle) -> Option<&Self>;
}

macro_rules! handles {
    ($($kind:ident $state:ident $kept:ident;)*) => { $(
        impl Handle for $kind {
            type State = $state;

            fn of(hold: Hold<$state>) -> Self {
                Self::of(hold)
            }

            fn hold(&self) -> &Hold<$state> {
                self.hold()
            }

            fn pack(state: Arc<Registered<$state>>) -> Instrument {
                Instrument::$kind(state)
            }

            fn unpack(instrument: &Instrument) -> Option<&Arc<Registered<$state>>> {
                match instrument {
                    Instrument::$kind(state) => Some(state),
                    _ => None,
                }
            }

            handles!(@$kept $kind);
        }
    )* };
    (@kept $kind:ident) => {
        fn lift(self) -> Option<AnyHandle> {
            Some(AnyHandle::$kind(self))
        }

        fn sink(handle: &AnyHandle) -> Option<&Self> {
            match handle {
                AnyHandle::$kind(handle) => Some(handle),
                _ => None,
            }
        }
    };
    (@never $kind:ident) => {
        fn lift(self) -> Option<AnyHandle> {
            None
        }

        fn sink(_: &AnyHandle) -> Option<&Self> {
            None
        }
    };
}

handles! {
    Counter Tally kept;
    Histogram Values kept;
    Meter Pace kept;
    Timer Durations kept;
    Gauge Source never;
}

/// Does the same with the state of any kind.
macro_rules! each {
    ($instrument:expr, $state:ident => $work:expr) => {
        match $instrument {
            Instrument::Counter($state) => $work,
            Instrument::Histogram($state) => $work,
            Instrument::Meter($state) => $work,
            Instrument::Timer($state) => $work,
            Instrument::Gauge($state) => $work,
            Instrument::Asked($state) => $work,
        }
    };
}

impl Instrument {
    pub(crate) fn name(&self) -> &TimeSeriesName {
        each!(self, registered => &registered.name)
    }

    /// How many instruments the registry made before this one.
    pub(crate) fn number(&self) -> u64 {
        each!(self, registered => registered.number)
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Histogram(_) => Kind::Histogram,
            Self::Meter(_) => Kind::Meter,
            Self::Timer(_) => Kind::Timer,
            Self::Gauge(_) => Kind::Gauge,
            Self::Asked(asked) => asked.state.kind,
        }
    }

    /// Tells handles that nobody reports it any more.
    pub(crate) fn remove(&self) {
        each!(self, registered => registered.remove());
    }

    /// How many know of it: the registry, its handles, and who holds this very value.
    pub(crate) fn holders(&self) -> usize {
        each!(self, registered => Arc::strong_count(registered))
    }

    /// Something that changes with each use; `None` if it is always in use.
    pub(crate) fn activity(&self, sums: &Sums) -> Option<u64> {
        match self {
            Self::Counter(tally) => Some(tally.state.count_in(sums).cast_unsigned()),
            Self::Histogram(values) => Some(values.state.activity()),
            Self::Meter(pace) => Some(pace.state.activity(sums)),
            Self::Timer(durations) => Some(durations.state.values().activity()),
            Self::Gauge(source) => source.state.activity(),
            // It may always say something new.
            Self::Asked(_) => None,
        }
    }

    /// What it says now.
    pub(crate) fn read(&self, sums: &Sums) -> Metric {
        self.metric(match self {
            Self::Counter(tally) => Reading::Counter(tally.state.count_in(sums)),
            Self::Histogram(values) => Reading::Histogram(values.state.read()),
            Self::Meter(pace) => pace.state.read(sums),
            Self::Timer(durations) => durations.state.read(),
            Self::Gauge(source) => source.state.read(),
            Self::Asked(asked) => asked.state.read(),
        })
    }

    /// The same; where an interval lasts from report to report, the next begins.
    pub(crate) fn report(&self, sums: &Sums) -> Metric {
        self.metric(match self {
            Self::Histogram(values) => Reading::Histogram(values.state.report()),
            Self::Timer(durations) => durations.state.report(),
            _ => return self.read(sums),
        })
    }

    fn metric(&self, reading: Reading) -> Metric {
        let refused = match self {
            Self::Histogram(values) => values.state.refused(),
            Self::Timer(durations) => durations.state.values().refused(),
            _ => 0,
        };
        Metric { name: self.name().clone(), kind: self.kind(), reading, refused }
    }
}
