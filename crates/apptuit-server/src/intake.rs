//! Bodies become points of numbered series, in memory that is kept from one body to the next.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread;

use apptuit_model::limits::BATCH_POINTS;
use apptuit_model::wire::{
    ContentEncoding, InflateError, Inflater, NewSeries, PutColumns, PutLimits, RefusedPoint,
    SeriesNumbers,
};
use apptuit_store::{Points, SeriesId, Store, StoreError};

use crate::error::{ApiError, Kind};
use crate::spellings::{Place, Spellings};

/// A body of more bytes, as it arrives and once it is inflated, is a large one.
pub(crate) const SMALL_BODY_BYTES: usize = 4 << 10;
pub(crate) const SMALL_INFLATED_BYTES: usize = 64 << 10;
/// Spellings that are looked up before others may be learned, and learned before others may be
/// looked up.
const LOOKUPS: usize = 1024;

/// How much is read of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntakeLimits {
    /// Bytes once it is inflated.
    pub(crate) max_bytes: usize,
    pub(crate) put: PutLimits,
}

/// What reading one body needs.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    inflater: Inflater,
    columns: PutColumns<SeriesId>,
    points: Points,
}

impl Intake {
    /// Reads a body.
    pub(crate) fn read(
        &mut self,
        body: &[u8],
        encoding: ContentEncoding,
        limits: IntakeLimits,
        store: &dyn Store,
        spellings: &RwLock<Spellings>,
    ) -> Result<(), ApiError> {
        let json = self.inflater.unpack(encoding, body, limits.max_bytes);
        let json = json.map_err(|error| cannot_unpack(error, encoding))?;
        let mut numbers =
            Numbers { store, spellings, open: None, lookups: 0, found: 0, likely: None, stride: 1 };
        self.columns.read(json, limits.put, &mut numbers)?;
        numbers.count();
        self.points.clear();
        for (series, timestamp, value) in self.columns.points() {
            self.points.push(series, timestamp, value);
        }
        Ok(())
    }

    /// The good points.
    pub(crate) fn points(&self) -> &Points {
        &self.points
    }

    /// The first of the others, and how many there are.
    pub(crate) fn refused(&self) -> (&[RefusedPoint], usize) {
        (self.columns.refused(), self.columns.refused_count())
    }
}

fn cannot_unpack(error: InflateError, encoding: ContentEncoding) -> ApiError {
    match (error, encoding) {
        (InflateError::TooLarge { limit_bytes }, _) => ApiError::new(
            Kind::TooLarge,
            format!("the body is too large once inflated: at most {limit_bytes} bytes are taken"),
        ),
        (_, ContentEncoding::Deflate) => {
            ApiError::new(Kind::InvalidBody, "the body is not whole and sound zlib data")
        }
        _ => ApiError::new(Kind::InvalidBody, "the body is not whole and sound gzip data"),
    }
}

/// Numbers the series of one body.
struct Numbers<'tenant> {
    store: &'tenant dyn Store,
    spellings: &'tenant RwLock<Spellings>,
    /// The spellings, while they are looked up.
    open: Option<RwLockReadGuard<'tenant, Spellings>>,
    lookups: usize,
    found: usize,
    /// Where the next point's series is likely to stand, and how far that is from the last one's.
    likely: Option<Place>,
    stride: u32,
}

impl Numbers<'_> {
    /// Notes where a series was found.
    #[inline]
    fn found_at(&mut self, place: Place) {
        self.found += 1;
        self.likely = Some(place.later(self.stride));
    }

    #[inline]
    fn look_up(&mut self) {
        if self.lookups.is_multiple_of(LOOKUPS) {
            // Who waits to write gets a turn also while a huge body is read.
            self.open = None;
            self.open = Some(self.spellings.read().unwrap_or_else(PoisonError::into_inner));
        }
        self.lookups += 1;
    }

    fn count(&mut self) {
        if let Some(spellings) = self.open.take() {
            spellings.count_found(self.found);
        }
    }
}

impl SeriesNumbers for Numbers<'_> {
    type Number = SeriesId;
    type Error = ApiError;

    #[inline]
    fn known(&mut self, metric: &str, tags: &str) -> Option<SeriesId> {
        self.look_up();
        let spellings = self.open.as_ref()?;
        let place = spellings.find(metric, tags)?;
        let series = spellings.series(place);
        // Points of one series may come one after the other, or each of the next series.
        let is_again = self.likely.is_some_and(|likely| likely == place.later(self.stride));
        self.stride = u32::from(!is_again);
        self.found_at(place);
        series
    }

    #[inline]
    fn likely(&self) -> Option<(&str, &str)> {
        self.open.as_ref()?.spelling(self.likely?)
    }

    #[inline]
    fn take_likely(&mut self) -> Option<SeriesId> {
        let place = self.likely?;
        let series = self.open.as_ref()?.series(place);
        self.look_up();
        self.found_at(place);
        series
    }

    fn resolve(
        &mut self,
        new: &[NewSeries<'_>],
    ) -> Result<Vec<Result<SeriesId, String>>, ApiError> {
        self.count();
        let mut resolved = Vec::with_capacity(new.len());
        for new in new {
            resolved.push(match self.store.series(&new.name) {
                Ok(series) => Ok(series),
                Err(full @ StoreError::TooManySeries { .. }) => Err(full.to_string()),
                Err(error) => return Err(error.into()),
            });
        }
        for (new, resolved) in new.chunks(LOOKUPS).zip(resolved.chunks(LOOKUPS)) {
            let mut spellings = self.spellings.write().unwrap_or_else(PoisonError::into_inner);
            for (new, resolved) in new.iter().zip(resolved) {
                if let Ok(series) = resolved {
                    spellings.insert(new.metric, new.tags, *series);
                }
            }
        }
        Ok(resolved)
    }
}

/// Intakes that wait for the next body, so that its memory is there already: fresh memory costs as
/// much as reading the body.
#[derive(Debug)]
pub(crate) struct Intakes {
    small: Arc<Shelf>,
    large: Arc<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    #[expect(clippy::vec_box, reason = "it is lent in its box")]
    free: Mutex<Vec<Box<Intake>>>,
    max_free: usize,
    /// Bytes of an inflated body and points that there is memory for in each.
    kept_bytes: usize,
    kept_points: usize,
}

impl Intakes {
    /// For so many bodies at one time.
    pub(crate) fn new(max_bodies: usize) -> Self {
        let shelf = |max_free, kept_bytes, kept_points| {
            Arc::new(Shelf { free: Mutex::new(Vec::new()), max_free, kept_bytes, kept_points })
        };
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            small: shelf(max_bodies, SMALL_INFLATED_BYTES, 1024),
            // A full batch of a reporter fits.
            large: shelf(max_bodies.min(2 * cores), 8 << 20, BATCH_POINTS),
        }
    }

    /// Lends an intake for a body of so many bytes.
    pub(crate) fn lend(&self, body_bytes: usize) -> Lent {
        let shelf = if body_bytes <= SMALL_BODY_BYTES { &self.small } else { &self.large };
        let intake = shelf.free().pop().unwrap_or_default();
        Lent { intake: Some(intake), shelf: Arc::clone(shelf) }
    }
}

/// An intake that goes back to its shelf when this is dropped.
#[derive(Debug)]
pub(crate) struct Lent {
    /// In a box, since it is handed from one to the next, and `None` only at the end.
    intake: Option<Box<Intake>>,
    shelf: Arc<Shelf>,
}

impl Deref for Lent {
    type Target = Intake;

    fn deref(&self) -> &Intake {
        self.intake.as_ref().expect("it is given back at the end")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Intake {
        self.intake.as_mut().expect("it is given back at the end")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.intake.take().into_iter().for_each(|intake| self.shelf.take_back(intake));
    }
}

impl Shelf {
    #[expect(clippy::vec_box, reason = "it is lent in its box")]
    fn free(&self) -> MutexGuard<'_, Vec<Box<Intake>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, mut intake: Box<Intake>) {
        intake.inflater.shrink_to(self.kept_bytes);
        intake.columns.shrink_to(self.kept_points);
        if intake.points.len() > self.kept_points {
            intake.points = Points::default();
        }
        intake.points.clear();
        let mut free = self.free();
        if free.len() < self.max_free {
            free.push(intake);
        }
    }
}
