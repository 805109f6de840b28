//! Instruments and registry through the public interface.

#![expect(clippy::float_cmp, reason = "where no rounding is due, none is forgiven")]

mod cardinality;
mod collecting;
mod contention;
#[cfg(all(feature = "metrics-facade", feature = "testing"))]
mod facade;
mod foreign;
mod idle;
mod macros;
#[cfg(feature = "open-metrics")]
mod open_metrics;
#[cfg(feature = "open-metrics")]
mod promtool;
mod quantiles;
mod rates;
mod registry;
mod reservoirs;
mod sampling;
mod simple;
mod standalone;
#[cfg(feature = "testing")]
mod testing;
mod threads;
mod totals;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use apptuit_metrics::{Clock, ManualClock, Registry};
use apptuit_model::Timestamp;

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::with_clock(clock.clone()), clock)
}

/// Equal but for one part in 10^12.
#[track_caller]
fn assert_same(actual: f64, expected: f64) {
    assert_close(actual, expected, 1e-12);
}

/// Equal but for `share` of what is expected.
#[track_caller]
fn assert_close(actual: f64, expected: f64, share: f64) {
    let error = (actual - expected).abs();
    assert!(error <= share * expected.abs(), "{actual} is not {expected}");
}

/// A clock that can also be turned back.
#[derive(Clone, Debug, Default)]
struct Unsteady(Arc<AtomicU64>);

impl Unsteady {
    fn set_secs(&self, secs: u64) {
        self.0.store(secs, Ordering::SeqCst);
    }
}

impl Clock for Unsteady {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_secs(0)
    }
}

/// How many times longer than usual the threaded tests run: so often that on two cores all of them
/// take about the minutes in the variable `APPTUIT_SOAK`; once if it is not set.
fn effort() -> u64 {
    std::env::var("APPTUIT_SOAK").map_or(1, |minutes| {
        15 * minutes.parse::<u64>().expect("APPTUIT_SOAK is a whole number of minutes")
    })
}

#[track_caller]
fn assert_zero<T: Default + PartialEq + Debug>(value: &T) {
    assert_eq!(*value, T::default());
}
