//! The same body read in one pass, into columns, by whoever knows series by number.
//!
//! What comes out is what [`decode_put`] makes of the body, point by point and reason by reason.

use std::borrow::Cow;
use std::ops::Range;

use super::decode::{PutBodyError, RefusedPoint, body_text, decode_put, echo};
use super::reader::{Reader, Stop};
use crate::wire::number::quote_bare_tokens;
use crate::{TimeSeriesName, Timestamp};

/// How much of a body is read, and told.
#[derive(Clone, Copy, Debug)]
pub struct PutLimits {
    /// Points in one body.
    pub max_points: usize,
    /// Refused points that are told; the others are only counted.
    pub max_told: usize,
}

/// Who knows series by number.
pub trait SeriesNumbers {
    /// Stands for a series.
    type Number: Copy;
    /// Why there is no knowing, or why a body is not read.
    type Error: From<PutBodyError>;

    /// The number of the series whose name a body spells so, if that is known.
    ///
    /// Both texts are JSON as it stands in the body, with its quotes, blanks and escapes. A metric
    /// that is a string and tags that are an object, one after the other, cannot be read in two ways.
    fn known(&mut self, metric: &str, tags: &str) -> Option<Self::Number>;

    /// How the series of the next point is likely to be spelled, by whoever has seen such bodies
    /// before: texts that were [`known`](Self::known).
    fn likely(&self) -> Option<(&str, &str)> {
        None
    }

    /// The number of the [`likely`](Self::likely) series, which it is.
    fn take_likely(&mut self) -> Option<Self::Number> {
        None
    }

    /// The numbers of series whose spelling was not known, in the same order, or the reason why the
    /// points of one are refused. Asked at the end of a body that can be read, and only once.
    ///
    /// # Errors
    ///
    /// There is no knowing.
    fn resolve(
        &mut self,
        new: &[NewSeries<'_>],
    ) -> Result<Vec<Result<Self::Number, String>>, Self::Error>;
}

/// A series of a body, whose spelling was not known. One series may be spelled in several ways.
#[derive(Clone, Debug)]
pub struct NewSeries<'body> {
    /// The JSON of its metric.
    pub metric: &'body str,
    /// The JSON of its tags.
    pub tags: &'body str,
    /// What they mean.
    pub name: TimeSeriesName,
}

/// The points of a body in columns, and those that could not be taken.
///
/// Kept between bodies, it uses its memory again.
#[derive(Debug)]
pub struct PutColumns<N> {
    pub(super) series: Vec<Slot<N>>,
    pub(super) timestamps: Vec<Timestamp>,
    pub(super) values: Vec<f64>,
    resolved: Vec<Option<N>>,
    pub(super) refused: Vec<RefusedPoint>,
    pub(super) refused_count: usize,
    /// Points of series that were not known.
    pub(super) of_new: Vec<OfNew>,
}

/// What is known of a point's series.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot<N> {
    Known(N),
    /// The place in the list of new series.
    New(u32),
}

/// Why a text was not read.
enum Failed<E> {
    /// It is not JSON, so far as it was read.
    NotJson,
    Otherwise(E),
}

/// A point of a new series, which may have to be told.
#[derive(Debug)]
pub(super) struct OfNew {
    pub(super) series: u32,
    pub(super) index: usize,
    pub(super) text: Range<usize>,
}

impl<N> Default for PutColumns<N> {
    fn default() -> Self {
        Self {
            series: Vec::new(),
            timestamps: Vec::new(),
            values: Vec::new(),
            resolved: Vec::new(),
            refused: Vec::new(),
            refused_count: 0,
            of_new: Vec::new(),
        }
    }
}

impl<N: Copy> PutColumns<N> {
    /// Reads the body of a put as [`decode_put`] does. What was there before is gone, also after an
    /// error.
    ///
    /// # Errors
    ///
    /// As [`decode_put`]; or the series cannot be resolved.
    pub fn read<S: SeriesNumbers<Number = N>>(
        &mut self,
        body: &[u8],
        limits: PutLimits,
        numbers: &mut S,
    ) -> Result<(), S::Error> {
        let outcome = self.read_bytes(body, limits, numbers);
        if outcome.is_err() {
            self.clear();
        }
        outcome
    }

    fn read_bytes<S: SeriesNumbers<Number = N>>(
        &mut self,
        body: &[u8],
        limits: PutLimits,
        numbers: &mut S,
    ) -> Result<(), S::Error> {
        let text = body_text(body)?;
        let mut outcome = self.read_text(text, limits, numbers);
        if let Err(Failed::NotJson) = outcome
            && let Cow::Owned(quoted) = quote_bare_tokens(text)
        {
            outcome = self.read_text(&quoted, limits, numbers);
        }
        let error = match outcome {
            Ok(()) => return Ok(()),
            Err(Failed::Otherwise(error)) => return Err(error),
            // It says what is wrong, and where.
            Err(Failed::NotJson) => decode_put(body, limits.max_points).err(),
        };
        let unreadable = || PutBodyError::Malformed { reason: "it cannot be read".to_owned() };
        Err(error.unwrap_or_else(unreadable).into())
    }

    /// The good points, in the order of the body.
    pub fn points(&self) -> impl Iterator<Item = (N, Timestamp, f64)> {
        let columns = self.series.iter().zip(&self.timestamps).zip(&self.values);
        columns.filter_map(|((slot, timestamp), value)| {
            let series = match slot {
                Slot::Known(series) => *series,
                Slot::New(new) => self.resolved.get(*new as usize).copied().flatten()?,
            };
            Some((series, *timestamp, *value))
        })
    }

    /// The first of the others, in the order of the body.
    pub fn refused(&self) -> &[RefusedPoint] {
        &self.refused
    }

    /// How many of the others there are in all.
    pub fn refused_count(&self) -> usize {
        self.refused_count
    }

    /// Forgets the points, and keeps at most memory for so many.
    pub fn shrink_to(&mut self, points: usize) {
        self.clear();
        self.series.shrink_to(points);
        self.timestamps.shrink_to(points);
        self.values.shrink_to(points);
        self.resolved.shrink_to(points);
        self.refused.shrink_to(points);
        self.of_new.shrink_to(points);
    }

    fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.values.clear();
        self.resolved.clear();
        self.refused.clear();
        self.refused_count = 0;
        self.of_new.clear();
    }

    fn read_text<S: SeriesNumbers<Number = N>>(
        &mut self,
        text: &str,
        limits: PutLimits,
        numbers: &mut S,
    ) -> Result<(), Failed<S::Error>> {
        self.clear();
        let mut reader = Reader::new(text, limits, numbers, self);
        reader.body().map_err(|stop| match stop {
            Stop::NotJson => Failed::NotJson,
            Stop::Full => {
                let full = PutBodyError::TooManyPoints { limit: limits.max_points };
                Failed::Otherwise(full.into())
            }
        })?;
        let new = reader.new;
        if !new.is_empty() {
            let resolved = numbers.resolve(&new).map_err(Failed::Otherwise)?;
            self.refuse(&resolved, text, limits.max_told);
            self.resolved.extend(resolved.into_iter().map(Result::ok));
        }
        Ok(())
    }

    /// Tells the points of the series that have no number.
    fn refuse(&mut self, resolved: &[Result<N, String>], text: &str, max_told: usize) {
        let mut late = Vec::new();
        for OfNew { series, index, text: place } in &self.of_new {
            if let Some(Err(reason)) = resolved.get(*series as usize) {
                self.refused_count += 1;
                if late.len() < max_told {
                    let datapoint = echo(text.get(place.clone()).unwrap_or_default());
                    let reason = reason.clone();
                    late.push(RefusedPoint { index: *index, datapoint, reason });
                }
            }
        }
        if !late.is_empty() {
            self.refused.append(&mut late);
            self.refused.sort_by_key(|refused| refused.index);
            self.refused.truncate(max_told);
        }
    }
}
