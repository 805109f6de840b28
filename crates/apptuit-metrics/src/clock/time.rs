//! The clock of an instrument, as fast as it can be read.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::{Clock, SystemClock};

/// A quarter of an e-folding time is 16 s; values this close together are of one instant.
const TOLERANCE_NANOS: u64 = 1 << 26;

/// The time stamp counter of the processor where it is reliable, or else the system's clock.
static COUNTER: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// A clock whose reading costs no more than it must.
///
/// Durations on the machine's clock are measured by the processor's time stamp counter, which is
/// read in a third of the time the system needs.
#[derive(Clone, Debug)]
pub(crate) enum Time {
    System,
    Other(Arc<dyn Clock>),
}

/// A reading of a [`Time`], in its own unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp(u64);

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

    /// How far apart two values of one instant may be, in nanoseconds: none where time is handed in.
    pub(crate) fn tolerance(&self) -> u64 {
        match self {
            Self::System => TOLERANCE_NANOS,
            Self::Other(_) => 0,
        }
    }

    /// Reads the clock.
    #[inline]
    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::System => Stamp(COUNTER.raw()),
            Self::Other(clock) => Stamp(nanos(&**clock)),
        }
    }

    /// A reading as nanoseconds since some origin.
    #[inline]
    pub(crate) fn nanos_at(&self, stamp: Stamp) -> u64 {
        match self {
            Self::System => COUNTER.delta_as_nanos(0, stamp.0),
            Self::Other(_) => stamp.0,
        }
    }

    /// Now, in nanoseconds since some origin.
    pub(crate) fn nanos(&self) -> u64 {
        self.nanos_at(self.stamp())
    }
}

/// 584 years of nanoseconds fit.
fn nanos(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().as_nanos()).unwrap_or(u64::MAX)
}
