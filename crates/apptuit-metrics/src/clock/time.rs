//! The clock of an instrument, as fast as it can be read.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{Clock, SystemClock};

/// Values this close together are of one instant: about 0.1 s, in ticks of a counter, in which their
/// weights change by less than two in a thousand.
const TOLERANCE: u64 = 1 << 28;

/// The time stamp counter of the processor where it is reliable, or else the system's clock.
static COUNTER: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// A clock whose reading costs no more than it must.
///
/// Durations on the machine's clock are measured by the processor's time stamp counter, which is read
/// without asking the system.
#[derive(Clone, Debug)]
pub(crate) enum Time {
    System,
    Other(Arc<dyn Clock>),
}

/// A reading of a [`Time`], in ticks of its own.
pub(crate) type Ticks = u64;

impl Time {
    pub(crate) fn of(clock: impl Clock) -> Self {
        let any: &dyn std::any::Any = &clock;
        if any.is::<SystemClock>() { Self::System } else { Self::Other(Arc::new(clock)) }
    }

    /// The clock itself.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Self::System => Arc::new(SystemClock),
            Self::Other(clock) => Arc::clone(clock),
        }
    }

    /// The time of rates, which the system keeps in step with the world.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Self::System => SystemClock.now(),
            Self::Other(clock) => clock.now(),
        }
    }

    /// How far apart two values of one instant may be: not at all where time is handed in.
    #[inline]
    pub(crate) fn tolerance(&self) -> Ticks {
        match self {
            Self::System => TOLERANCE,
            Self::Other(_) => 0,
        }
    }

    /// Reads the clock.
    #[inline]
    pub(crate) fn ticks(&self) -> Ticks {
        match self {
            Self::System => COUNTER.raw(),
            Self::Other(clock) => nanos(&**clock),
        }
    }

    /// The nanoseconds between two readings; zero if the first is the later one.
    #[inline]
    pub(crate) fn nanos_between(&self, first: Ticks, last: Ticks) -> u64 {
        match self {
            Self::System => COUNTER.delta_as_nanos(first, last),
            Self::Other(_) => last.saturating_sub(first),
        }
    }

    /// The time of a reading since some origin.
    pub(crate) fn since_origin(&self, ticks: Ticks) -> Duration {
        Duration::from_nanos(self.nanos_between(0, ticks))
    }
}

/// 584 years of nanoseconds fit.
fn nanos(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().as_nanos()).unwrap_or(u64::MAX)
}
