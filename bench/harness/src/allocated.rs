//! The memory that something leaves allocated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The system's allocator, which counts while it is asked to.
///
/// ```
/// use harness::Allocated;
///
/// #[global_allocator]
/// static ALLOCATED: Allocated = Allocated::new();
///
/// let (kept, bytes) = ALLOCATED.left_by(|| vec![0_u8; 1000]);
/// assert_eq!((kept.len(), bytes), (1000, 1000));
/// ```
#[derive(Debug)]
pub struct Allocated {
    /// Only read while time is measured, so that threads do not meet here.
    counts: AtomicBool,
    bytes: AtomicI64,
}

impl Allocated {
    /// An allocator that does not count yet.
    #[expect(clippy::new_without_default, reason = "a static needs a `const fn`")]
    pub const fn new() -> Self {
        Self { counts: AtomicBool::new(false), bytes: AtomicI64::new(0) }
    }

    /// What `make` returns, and how many bytes more than before are allocated by all threads: as
    /// they were requested, without what the allocator adds.
    pub fn left_by<T>(&self, make: impl FnOnce() -> T) -> (T, i64) {
        let before = self.bytes.load(Ordering::SeqCst);
        self.counts.store(true, Ordering::SeqCst);
        let made = make();
        self.counts.store(false, Ordering::SeqCst);
        (made, self.bytes.load(Ordering::SeqCst) - before)
    }

    fn count(&self, more: usize, less: usize) {
        if self.counts.load(Ordering::Relaxed) {
            self.bytes.fetch_add(more as i64 - less as i64, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Allocated {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        self.count(0, layout.size());
        // SAFETY: `place` came from one of these methods with this layout, and so from the system.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size, layout.size());
        // SAFETY: as for `dealloc`; the caller answers for `size`.
        unsafe { System.realloc(place, layout, size) }
    }
}
