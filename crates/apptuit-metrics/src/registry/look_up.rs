//! How an instrument is found or made: in this thread's cache, in the table, by its kind.

use std::sync::Arc;

use apptuit_model::TimeSeriesName;

use super::instrument::Handle;
use super::table::Found;
use super::{Registry, Shared, cache};
use crate::Named;

impl Registry {
    #[inline]
    pub(super) fn get_or_create<H: Handle>(
        &self,
        name: impl Named,
        make: impl FnOnce(&Shared) -> H::State,
    ) -> H {
        let hash = name.hash();
        let key = hash ^ self.shared.id;
        cache::find(key, |have| name.is(have))
            .unwrap_or_else(|| self.look_up(name, hash, key, make))
    }

    #[inline(never)]
    fn look_up<H: Handle>(
        &self,
        name: impl Named,
        hash: u64,
        key: u64,
        make: impl FnOnce(&Shared) -> H::State,
    ) -> H {
        let edition = cache::edition();
        let found = self.read().find::<H>(hash, &name).cloned();
        let found = match found {
            Some(found) => Found::Own(found),
            None => self.create::<H>(name.into_name(), hash, make),
        };
        // That of the overflow is not kept: it is not of that name, and each such call is counted.
        let (found, may_keep) = match found {
            Found::Own(found) => (found, true),
            Found::Overflow(found) => (found, false),
        };
        let handle = H::of(Arc::new(found));
        let kept = if may_keep { handle.clone().lift() } else { None };
        cache::keep(key, edition, kept.map(|kept| (handle.hold().name.clone(), kept)));
        handle
    }

    fn create<H: Handle>(
        &self,
        name: TimeSeriesName,
        hash: u64,
        make: impl FnOnce(&Shared) -> H::State,
    ) -> Found<H::State> {
        if let Some(found) = self.read().find_or_overflow::<H>(hash, &name) {
            return found;
        }
        // Made without the lock, because it reads the clock; whoever inserts first wins. The loser
        // is dropped without the lock, too.
        let mut state = Some(make(&self.shared));
        let inserted = self.write().insert::<H>(hash, name, &mut state);
        inserted.expect("there is a state to insert")
    }
}
