//! The memory that something leaves allocated, and the most it has allocated at one time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The system's allocator, which counts while it is asked to: bytes as they were requested, by all
/// threads, without what the allocator adds.
///
/// ```
/// use harness::Memory;
///
/// #[global_allocator]
/// static MEMORY: Memory = Memory::new();
///
/// let (kept, bytes) = MEMORY.left_by(|| vec![0_u8; 1000]);
/// assert_eq!((kept.len(), bytes), (1000, 1000));
/// assert_eq!(MEMORY.peak_of(|| drop(vec![0_u8; 5000])), 5000);
/// ```
#[derive(Debug)]
pub struct Memory {
    /// Only read while time is measured, so that threads do not meet here.
    counts: AtomicBool,
    now: AtomicI64,
    most: AtomicI64,
}

impl Memory {
    /// An allocator that does not count yet.
    #[expect(clippy::new_without_default, reason = "a static needs a `const fn`")]
    pub const fn new() -> Self {
        Self { counts: AtomicBool::new(false), now: AtomicI64::new(0), most: AtomicI64::new(0) }
    }

    /// What `make` returns, and how many bytes more than before are allocated.
    pub fn left_by<T>(&self, make: impl FnOnce() -> T) -> (T, i64) {
        let (made, left, _) = self.counted(make);
        (made, left)
    }

    /// How many bytes more than before were allocated at one time while `work` ran.
    pub fn peak_of<T>(&self, work: impl FnOnce() -> T) -> i64 {
        self.counted(work).2
    }

    fn counted<T>(&self, work: impl FnOnce() -> T) -> (T, i64, i64) {
        self.now.store(0, Ordering::SeqCst);
        self.most.store(0, Ordering::SeqCst);
        self.counts.store(true, Ordering::SeqCst);
        let made = work();
        self.counts.store(false, Ordering::SeqCst);
        (made, self.now.load(Ordering::SeqCst), self.most.load(Ordering::SeqCst))
    }

    fn count(&self, more: usize, less: usize) {
        if self.counts.load(Ordering::Relaxed) {
            let change = more as i64 - less as i64;
            let now = self.now.fetch_add(change, Ordering::Relaxed) + change;
            self.most.fetch_max(now, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes to the system's allocator as it came; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Memory {
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
        // While it is copied there are both.
        self.count(size, 0);
        // SAFETY: as for `dealloc`; the caller answers for `size`.
        let moved = unsafe { System.realloc(place, layout, size) };
        self.count(0, layout.size());
        moved
    }
}
