//! The registry of programs that do not hand one around.

use std::sync::OnceLock;

use crate::Registry;

static GLOBAL: OnceLock<Registry> = OnceLock::new();

/// The registry of the whole program, which the macros record into.
///
/// Libraries should rather be handed a [`Registry`]: a test can then have its own. A test of code
/// that uses this one can put another in its place with `testing::scoped` (feature `testing`).
///
/// ```
/// apptuit_metrics::global().counter("orders").inc();
/// assert_eq!(apptuit_metrics::counter!("orders").count(), 1);
/// ```
#[inline]
pub fn global() -> &'static Registry {
    #[cfg(feature = "testing")]
    if let Some(scoped) = crate::testing::scope::current() {
        return scoped;
    }
    GLOBAL.get_or_init(Registry::new)
}

/// Makes a registry the [`global`] one, to be done before anything is recorded.
///
/// # Errors
///
/// There is one already, because it was set before or because something was recorded; the registry
/// is handed back.
///
/// ```
/// use apptuit_metrics::{Registry, global, set_global};
///
/// let registry = Registry::builder().max_series_per_metric(1000).build();
/// assert!(set_global(registry).is_ok());
/// global().counter("orders").inc();
/// assert!(set_global(Registry::new()).is_err());
/// ```
pub fn set_global(registry: Registry) -> Result<(), Registry> {
    GLOBAL.set(registry)
}
