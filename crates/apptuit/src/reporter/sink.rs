//! Where a report goes.

use std::borrow::Cow;

use apptuit_model::{DataPoint, Tags};

use crate::Result;
use crate::client::{Client, Interrupt};

/// Takes the points of a report.
///
/// A [`Client`](crate::Client) is one; a test may collect the points instead.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use apptuit::metrics::Registry;
/// use apptuit::reporter::PointSink;
/// use apptuit::{DataPoint, Reporter};
///
/// #[derive(Clone, Default)]
/// struct Shelf(Arc<Mutex<Vec<DataPoint>>>);
///
/// impl PointSink for Shelf {
///     fn deliver(&self, points: &[DataPoint]) -> apptuit::Result<()> {
///         self.0.lock().unwrap().extend_from_slice(points);
///         Ok(())
///     }
/// }
///
/// let (registry, shelf) = (Registry::new(), Shelf::default());
/// registry.counter("orders").inc();
/// Reporter::builder(registry, shelf.clone()).build().report_now()?;
/// assert_eq!(shelf.0.lock().unwrap()[0].metric(), "orders.count");
/// # Ok::<(), apptuit::Error>(())
/// ```
pub trait PointSink: Send + Sync {
    /// Takes points, and returns when they are safe.
    ///
    /// # Errors
    ///
    /// Some or all of the points were not taken.
    fn deliver(&self, points: &[DataPoint]) -> Result<()>;

    /// Takes points, and gives up waiting between tries when `interrupt` is triggered.
    ///
    /// # Errors
    ///
    /// Some or all of the points were not taken.
    fn deliver_until(&self, points: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        let _ = interrupt;
        self.deliver(points)
    }

    /// The client that takes the points, if it is one: then a reporter makes bodies of them that keep
    /// their identity from try to try, and can wait in a spool.
    fn client(&self) -> Option<&Client> {
        None
    }

    /// Tags this sink adds to points without them. A reporter does not overrule them with tags of
    /// the environment.
    fn global_tags(&self) -> Tags {
        Tags::new()
    }

    /// What becomes of a tag's key on the way. Two keys that become one are one tag, and the
    /// metric's own wins over the reporter's.
    fn clean_key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(key)
    }
}
