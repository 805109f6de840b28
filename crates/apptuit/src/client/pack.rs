//! Points become bodies: named, checked, written and packed in one pass.

use std::collections::HashMap;
use std::sync::PoisonError;

use apptuit_model::body_key::{self, Half};
use apptuit_model::limits::BATCH_POINTS;
use apptuit_model::wire::PutPacker;
use apptuit_model::{DataPoint, NameError, Sanitizer, TimeSeries, TimeSeriesName, Timestamp};
use foldhash::fast::RandomState;

use super::Client;
use super::body::{Body, new_key};
use crate::error::Rejection;

/// Names of series that points may come back to after those of others, without being sanitised
/// again: as many as a hash table of 1024 places takes. Beyond, memory is dearer than time.
const MAX_KNOWN_NAMES: usize = 896;

/// Names in a row that were not known: then the next are taken not to be either, and a report of many
/// instruments need not have all its names hashed.
const MAX_UNKNOWN_NAMES: usize = 4 * MAX_KNOWN_NAMES;

/// Bodies made of points, and the points that can be in none.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Packed {
    /// At most [`BATCH_POINTS`] points each, in the order of the points.
    pub bodies: Vec<Body>,
    /// Why points are in no body; indices are those of the call.
    pub rejected: Vec<Rejection>,
    /// How many these are: a rejection may stand for several values of a series.
    pub refused: u64,
}

impl Client {
    /// The bodies of these points: names are sanitised and global tags merged under the points'
    /// own. Points that cannot be sent (no tags, too many, an invalid name, a value that is not
    /// finite) are refused here. Nothing is sent.
    ///
    /// [`send`](Self::send) is this and [`deliver`](Self::deliver), body by body. Apart they serve
    /// those who keep bodies until they can be delivered, as a spool does.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use apptuit::client::{Interrupt, MockTransport};
    /// use apptuit::{Client, DataPoint, Timestamp};
    ///
    /// let client = Client::builder().token("t").transport(MockTransport::new()).build()?;
    /// let at = Timestamp::from_secs(60);
    /// let packed = client.pack(&[
    ///     DataPoint::new(("room.celsius", [("room", "lab")]), at, 21.5),
    ///     DataPoint::new(("room.celsius", [("room", "attic")]), at, f64::NAN),
    /// ]);
    /// assert_eq!((packed.bodies[0].points(), packed.rejected[0].index()), (1, Some(1)));
    ///
    /// let delivery = client.deliver(&packed.bodies[0], Duration::from_secs(5), &Interrupt::new());
    /// assert_eq!((delivery.kept, delivery.failures.len()), (1, 0));
    /// # Ok::<(), apptuit::Error>(())
    /// ```
    pub fn pack(&self, points: &[DataPoint]) -> Packed {
        let mut packed = Packed::default();
        let (bodies, refused) = (&mut packed.bodies, &mut packed.rejected);
        self.pack_points(points, |rejection| refused.push(rejection), |body| bodies.push(body));
        packed.refused = packed.rejected.len() as u64;
        packed
    }

    /// Hands out rejections and bodies as they come, so that bodies need not all be there at once.
    pub(super) fn pack_points(
        &self,
        points: &[DataPoint],
        mut refuse: impl FnMut(Rejection),
        ready: impl FnMut(Body),
    ) {
        let mut packing = Packing::new(self, points.len(), ready);
        let mut known = KnownNames::default();
        let mut current: Option<(&TimeSeriesName, Result<(), NameError>)> = None;
        for (index, point) in points.iter().enumerate() {
            let named = match &current {
                Some((name, named)) if *name == point.name() => named,
                _ => {
                    let outgoing =
                        known.get_or_make(point.name(), || self.outgoing_name(point.name()));
                    let named = outgoing.map(|name| packing.packer.begin_series(&name));
                    &current.insert((point.name(), named)).1
                }
            };
            let reason = match named {
                Ok(()) if point.value().is_finite() => {
                    packing.push(point.timestamp(), point.value());
                    continue;
                }
                Ok(()) => format!("the value is `{}`, expected a finite number", point.value()),
                Err(error) => advice(error),
            };
            let sample = (point.timestamp(), point.value());
            refuse(Rejection::new(Some(index), point.name(), reason).with_sample(Some(sample)));
        }
        packing.finish();
    }

    /// As [`pack_points`](Self::pack_points), each name sanitised and checked once. `refuse` is told
    /// how many points a rejection stands for.
    pub(super) fn pack_series(
        &self,
        series: &[TimeSeries],
        mut refuse: impl FnMut(Rejection, usize),
        ready: impl FnMut(Body),
    ) {
        let points = series.iter().map(TimeSeries::len).sum();
        let mut packing = Packing::new(self, points, ready);
        for (index, one) in series.iter().enumerate() {
            if let Err(error) = packing.begin(one.name()) {
                refuse(Rejection::new(Some(index), one.name(), advice(&error)), one.len());
                continue;
            }
            let mut lost = 0;
            for (timestamp, value) in one.iter() {
                if value.is_finite() {
                    packing.push(timestamp, value);
                } else {
                    lost += 1;
                }
            }
            if lost > 0 {
                let reason = format!("{lost} of its {} values are not finite", one.len());
                refuse(Rejection::new(Some(index), one.name(), reason), lost);
            }
        }
        packing.finish();
    }

    /// Two bodies of the halves of these points, which are those of `whole`.
    pub(super) fn halves(&self, whole: &Body, points: &[DataPoint]) -> [Body; 2] {
        let (first, second) = points.split_at(points.len() / 2);
        [(first, Half::First), (second, Half::Second)].map(|(half, place)| {
            let mut body = None;
            let mut packing = Packing::new(self, half.len(), |made| body = Some(made));
            packing.key = Some(body_key::half(whole.key(), place));
            for (n, point) in half.iter().enumerate() {
                if n == 0 || half[n - 1].name() != point.name() {
                    packing.packer.begin_series(point.name());
                }
                packing.push(point.timestamp(), point.value());
            }
            packing.finish();
            body.expect("half of at least two points is at least one")
        })
    }

    /// The name as it travels: global tags merged under its own, sanitised, checked.
    fn outgoing_name(&self, name: &TimeSeriesName) -> Result<TimeSeriesName, NameError> {
        let (sanitizer, global) = (self.0.sanitizer, &self.0.global_tags);
        let merged = name.with_tags(name.tags().merged_over(global));
        let mut clean = sanitizer.name(&merged)?;
        clean.check_tags()?;
        if clean.tags().len() < merged.tags().len() {
            // Keys have become one: the series' own tag wins over a global one.
            let own = sanitizer.name(name)?;
            clean = clean.with_tags(own.tags().merged_over(clean.tags()));
            self.0.warnings.tags(name.tags(), sanitizer);
        }
        if sanitizer != Sanitizer::Off {
            self.0.warnings.metric(name.metric(), clean.metric());
        }
        Ok(clean)
    }

    /// The name of a series as it travels: sanitised and checked, or as it is.
    fn outgoing_series(&self, name: &TimeSeriesName) -> Result<TimeSeriesName, NameError> {
        if self.0.sanitizer != Sanitizer::Off || !self.0.unchecked_series {
            return self.outgoing_name(name);
        }
        let merged = name.with_tags(name.tags().merged_over(&self.0.global_tags));
        merged.check_tags()?;
        Ok(merged)
    }

    /// The packer that was used last, or a new one: one that has worked keeps its memory.
    fn packer(&self) -> PutPacker {
        let kept = self.0.packer.lock().unwrap_or_else(PoisonError::into_inner).take();
        kept.unwrap_or_else(|| PutPacker::new(self.0.compression, self.0.pack_effort))
    }
}

/// Names of points, and how these travel.
#[derive(Default)]
struct KnownNames<'p> {
    names: HashMap<&'p TimeSeriesName, Outgoing, RandomState>,
    /// Since the last that was known.
    unknown: usize,
}

type Outgoing = Result<TimeSeriesName, NameError>;

impl<'p> KnownNames<'p> {
    fn get_or_make(
        &mut self,
        name: &'p TimeSeriesName,
        make: impl FnOnce() -> Outgoing,
    ) -> Outgoing {
        if self.unknown == MAX_UNKNOWN_NAMES {
            return make();
        }
        if let Some(outgoing) = self.names.get(name) {
            self.unknown = 0;
            return outgoing.clone();
        }
        self.unknown += 1;
        let outgoing = make();
        if self.names.len() < MAX_KNOWN_NAMES {
            self.names.insert(name, outgoing.clone());
        }
        outgoing
    }
}

/// Points on their way into bodies.
struct Packing<'c, F> {
    client: &'c Client,
    packer: PutPacker,
    /// Points that may still come.
    left: usize,
    key: Option<String>,
    first: Timestamp,
    last: Timestamp,
    ready: F,
}

impl<'c, F: FnMut(Body)> Packing<'c, F> {
    fn new(client: &'c Client, points: usize, ready: F) -> Self {
        let mut packing = Self {
            client,
            packer: client.packer(),
            left: points,
            key: None,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            ready,
        };
        packing.packer.expect(points.min(BATCH_POINTS));
        packing
    }

    fn begin(&mut self, name: &TimeSeriesName) -> Result<(), NameError> {
        let name = self.client.outgoing_series(name)?;
        self.packer.begin_series(&name);
        Ok(())
    }

    fn push(&mut self, timestamp: Timestamp, value: f64) {
        if self.packer.points() == BATCH_POINTS {
            self.close();
        }
        self.first = self.first.min(timestamp);
        self.last = self.last.max(timestamp);
        self.left = self.left.saturating_sub(1);
        self.packer.push(timestamp, value);
    }

    fn close(&mut self) {
        let points = self.packer.points();
        let clock = &*self.client.0.clock;
        let key = self.key.take().unwrap_or_else(|| new_key(clock));
        let bytes = self.packer.finish();
        self.packer.expect(self.left.min(BATCH_POINTS));
        (self.ready)(Body::restored(key, bytes, points as u64, self.first, self.last));
        (self.first, self.last) = (Timestamp::MAX, Timestamp::MIN);
    }

    fn finish(mut self) {
        if self.packer.points() > 0 {
            self.close();
        }
        *self.client.0.packer.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.packer);
    }
}

/// What is wrong with a name, and what the caller of this client can do about it.
fn advice(error: &NameError) -> String {
    match error {
        NameError::NoTags { .. } => {
            format!("{error}, of its own, in the global tags or in APPTUIT_TAGS")
        }
        _ => error.to_string(),
    }
}
