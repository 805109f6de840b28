//! Stores that do what a real one rarely does.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_model::{Selector, TimeRange, TimeSeries, TimeSeriesName, Timestamp};
use apptuit_store::{
    Answer, IdempotencyKey, Kept, Points, ReadLimits, SeriesId, Store, StoreError, StoreStats,
    Suggest,
};

/// What a store does otherwise than one that keeps everything, at once, and gives nothing.
pub(super) trait Oddity: fmt::Debug + Send + Sync {
    /// Whoever appends waits for this.
    fn append(&self) -> Result<Kept, StoreError> {
        Ok(Kept::Now)
    }

    /// Nobody waits for this.
    fn append_then(&self, _points: &Points, then: Answer) -> Result<(), StoreError> {
        then(self.append());
        Ok(())
    }

    fn select(
        &self,
        _selector: &Selector,
        _limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        Ok(None)
    }

    fn suggest(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

/// A store with an oddity.
#[derive(Debug, Default)]
pub(super) struct Odd<T>(pub(super) T);

impl<T: Oddity> Store for Odd<T> {
    fn series(&self, _: &TimeSeriesName) -> Result<SeriesId, StoreError> {
        Ok(SeriesId::new(1))
    }

    fn append(&self, _: &Points, _: Option<&IdempotencyKey>) -> Result<Kept, StoreError> {
        self.0.append()
    }

    fn append_then(
        &self,
        points: &Points,
        _: Option<&IdempotencyKey>,
        then: Answer,
    ) -> Result<(), StoreError> {
        self.0.append_then(points, then)
    }

    fn select(
        &self,
        selector: &Selector,
        _: TimeRange,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        self.0.select(selector, limits)
    }

    fn suggest(&self, _: Suggest<'_>, _: &str, _: usize) -> Result<Vec<String>, StoreError> {
        self.0.suggest()
    }

    fn stats(&self) -> StoreStats {
        StoreStats::default()
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A disk that is full.
#[derive(Debug, Default)]
pub(super) struct FullDisk {
    pub(super) appends: AtomicUsize,
}

impl FullDisk {
    fn error(doing: &'static str) -> StoreError {
        let source = Arc::from(Box::from("no space left on device"));
        StoreError::Io { doing, file: "/srv/secret-folder/default.sqlite".into(), source }
    }
}

impl Oddity for FullDisk {
    fn append(&self) -> Result<Kept, StoreError> {
        if self.appends.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err(Self::error("commit points to"));
        }
        let since = Timestamp::from_secs(60);
        Err(StoreError::Poisoned { since, cause: "no space left on device".to_owned() })
    }

    fn select(&self, _: &Selector, _: &ReadLimits) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        Err(Self::error("read series from"))
    }

    fn suggest(&self) -> Result<Vec<String>, StoreError> {
        Err(Self::error("read names from"))
    }
}

/// Has no room for points.
#[derive(Debug, Default)]
pub(super) struct Busy {
    pub(super) waited: AtomicUsize,
}

impl Oddity for Busy {
    fn append(&self) -> Result<Kept, StoreError> {
        self.waited.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::Busy)
    }

    fn append_then(&self, _: &Points, _: Answer) -> Result<(), StoreError> {
        Err(StoreError::Busy)
    }
}

/// Keeps whoever sends the value 1 waiting.
#[derive(Default)]
pub(super) struct Gate {
    pub(super) waiting: Mutex<Vec<Answer>>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Oddity for Gate {
    fn append_then(&self, points: &Points, then: Answer) -> Result<(), StoreError> {
        if points.values() == [1.0] {
            self.waiting.lock().expect("no panic").push(then);
        } else {
            then(Ok(Kept::Now));
        }
        Ok(())
    }
}

/// Reads the metric `m` until it is cancelled, and has no other.
#[derive(Debug, Default)]
pub(super) struct Endless {
    pub(super) reading: AtomicUsize,
    pub(super) cancelled: AtomicBool,
}

impl Oddity for Endless {
    fn select(
        &self,
        selector: &Selector,
        limits: &ReadLimits,
    ) -> Result<Option<Vec<TimeSeries>>, StoreError> {
        if selector.metric != "m" {
            return Ok(None);
        }
        self.reading.fetch_add(1, Ordering::SeqCst);
        let cancelled = limits.cancelled.as_ref().expect("a query can be cancelled");
        for _ in 0..10_000 {
            if cancelled() {
                self.cancelled.store(true, Ordering::SeqCst);
                return Err(StoreError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("nobody cancelled the query");
    }
}
