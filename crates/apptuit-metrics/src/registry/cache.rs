//! The handles a thread asked for by name before.
//!
//! A thread that asks again finds its own handle here, without a lock and without writing to memory
//! of other threads: the count of references it raises and lowers is its own.
//!
//! A kept handle must not outlive its instrument for long. When instruments are removed, or idle ones
//! could be forgotten but for kept handles, all caches are [out of date](invalidate); a thread
//! empties its own the next time it asks for anything.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use apptuit_model::TimeSeriesName;
use hashbrown::HashTable;

use super::instrument::{AnyHandle, Handle};
use crate::lane;

/// Handles a thread keeps; beyond that it begins anew.
const MOST: usize = 4096;

/// The edition of the caches; one of another is out of date.
static EDITION: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static CACHE: RefCell<Cache> =
        const { RefCell::new(Cache { edition: 0, handles: HashTable::new() }) };
}

struct Cache {
    edition: u64,
    handles: HashTable<Cached>,
}

impl Drop for Cache {
    fn drop(&mut self) {
        // An instrument whose last handle this is gives back its cell.
        let _giving = lane::giving();
        self.handles.clear();
    }
}

/// On a cache line of its own: finding it takes one access to memory.
#[repr(align(64))]
struct Cached {
    /// The hash of the name, mixed with the number of the registry.
    key: u64,
    /// Of the instrument; here, too, because it is on the way to all the rest.
    name: TimeSeriesName,
    handle: AnyHandle,
}

/// This thread's handle of that key whose name `is` the one meant.
#[inline]
pub(super) fn find<H: Handle>(key: u64, is: impl Fn(&TimeSeriesName) -> bool) -> Option<H> {
    let found = CACHE.try_with(|cache| {
        // Borrowed elsewhere only while a handle is put in, below.
        let cache = cache.try_borrow().ok()?;
        if cache.edition != EDITION.load(Ordering::Acquire) {
            return None;
        }
        let same = |cached: &Cached| {
            cached.key == key && H::sink(&cached.handle).is_some() && is(&cached.name)
        };
        cache.handles.find(key, same).and_then(|cached| H::sink(&cached.handle)).cloned()
    });
    // While the thread ends there is no cache any more.
    found.ok().flatten()
}

/// Keeps a handle for this thread, if it may be kept, unless an instrument was removed since
/// `edition`.
pub(super) fn keep(key: u64, edition: u64, named: Option<(TimeSeriesName, AnyHandle)>) {
    // What is dropped, is dropped after the cache is free again.
    let dropped = CACHE.try_with(|cache| {
        let mut cache = cache.try_borrow_mut().ok()?;
        let stale = cache.edition != edition || cache.handles.len() >= MOST;
        let dropped = stale.then(|| std::mem::take(&mut cache.handles));
        cache.edition = edition;
        if let Some((name, handle)) = named {
            cache.handles.insert_unique(key, Cached { key, name, handle }, |cached| cached.key);
        }
        dropped
    });
    drop(dropped);
}

/// The current edition, to be asked for before a handle is looked up that is to be kept.
pub(super) fn edition() -> u64 {
    EDITION.load(Ordering::Acquire)
}

/// Makes all caches out of date.
pub(super) fn invalidate() {
    EDITION.fetch_add(1, Ordering::AcqRel);
}
