//! Where the points of a report come from.

use std::sync::Arc;

use apptuit_metrics::collect::{LeftOut, collect_each};
use apptuit_metrics::{Clock, Registry, SystemClock};
use apptuit_model::{DataPoint, Timestamp};

/// Has metrics that a reporter reports. A [`Registry`] is one; another may read the instruments of
/// something else, or join several.
///
/// ```
/// use apptuit::client::MockTransport;
/// use apptuit::metrics::collect::LeftOut;
/// use apptuit::reporter::MetricSource;
/// use apptuit::{Client, DataPoint, Reporter, Timestamp};
///
/// struct Room;
///
/// impl MetricSource for Room {
///     fn collect(
///         &self,
///         prefix: &str,
///         timestamp: Timestamp,
///         take: &mut dyn FnMut(DataPoint),
///     ) -> LeftOut {
///         take(DataPoint::new((format!("{prefix}celsius"), [("room", "lab")]), timestamp, 21.5));
///         LeftOut::default()
///     }
/// }
///
/// let client = Client::builder().token("t").transport(MockTransport::new()).build()?;
/// let reporter = Reporter::builder(Room, client).ignore_environment().build();
/// reporter.report_now()?;
/// # Ok::<(), apptuit::Error>(())
/// ```
pub trait MetricSource: Send + Sync {
    /// Hands out its points of this instant one by one, names with `prefix` in front, and says what
    /// could not become one. Called on the thread that reports; a panic fails that report.
    fn collect(
        &self,
        prefix: &str,
        timestamp: Timestamp,
        take: &mut dyn FnMut(DataPoint),
    ) -> LeftOut;

    /// The clock of a reporter that is not told another.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }
}

impl MetricSource for Registry {
    fn collect(
        &self,
        prefix: &str,
        timestamp: Timestamp,
        take: &mut dyn FnMut(DataPoint),
    ) -> LeftOut {
        collect_each(self, prefix, timestamp, take)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(Self::clock(self))
    }
}
