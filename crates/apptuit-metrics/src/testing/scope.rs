//! Registries that stand in for the global one, each in one thread.

use std::cell::Cell;

use crate::Registry;

thread_local! {
    static CURRENT: Cell<Option<&'static Registry>> = const { Cell::new(None) };
}

/// The registry that stands in for the global one in this thread.
pub(crate) fn current() -> Option<&'static Registry> {
    CURRENT.get()
}

/// Puts back, when it is dropped, what stood in before.
#[derive(Debug)]
pub(super) struct Scope {
    before: Option<&'static Registry>,
}

/// Lets `registry` stand in for the global one in this thread.
pub(super) fn enter(registry: &Registry) -> Scope {
    // Leaked, because whoever has asked for the global registry may keep it for ever.
    let registry: &'static Registry = Box::leak(Box::new(registry.clone()));
    Scope { before: CURRENT.replace(Some(registry)) }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}
