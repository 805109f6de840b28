//! The store as the query language's source of names.

use apptuit_query::Names;
use apptuit_store::{Store, Suggest};

/// The names of a store. Where it cannot be read there are none: they only help.
pub(crate) struct StoreNames<'a>(pub(crate) &'a dyn Store);

impl StoreNames<'_> {
    fn of(&self, what: Suggest<'_>, prefix: &str, max: usize) -> Vec<String> {
        self.0.suggest(what, prefix, max).unwrap_or_default()
    }
}

impl Names for StoreNames<'_> {
    fn metrics(&self, prefix: &str, max: usize) -> Vec<String> {
        self.of(Suggest::Metrics, prefix, max)
    }

    fn tag_keys(&self, metric: Option<&str>, prefix: &str, max: usize) -> Vec<String> {
        self.of(Suggest::TagKeys(metric), prefix, max)
    }

    fn tag_values(&self, metric: Option<&str>, key: &str, prefix: &str, max: usize) -> Vec<String> {
        self.of(Suggest::TagValues { metric, key: Some(key) }, prefix, max)
    }
}
