//! Points and series of a call: packed body by body, each delivered before the next is made.

use std::borrow::Cow;

use apptuit_model::wire::ContentEncoding;
use apptuit_model::{DataPoint, Tags, TimeSeries, TimeSeriesName};

use super::deliver::Delivery;
use super::retry::Deadline;
use super::{Client, Interrupt, Response, said};
use crate::error::Rejection;
use crate::reporter::PointSink;
use crate::{Error, ErrorKind, Result};

impl Client {
    /// Sends points and waits until the server has them: one request for each 50 000.
    ///
    /// Names are sanitised and global tags merged under the points' own. Points that cannot be sent
    /// (no tags, too many, an invalid name, a value that is not finite) stay here; the others go
    /// out. Without points nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Rejected`] if some points were refused, here or by the server;
    /// [`Error::rejected`] names them, and the others were kept. Every other kind says that
    /// [`Error::failed`] points are not known to have been kept.
    pub fn send(&self, points: &[DataPoint]) -> Result<()> {
        self.send_until(points, &Interrupt::new())
    }

    /// Sends whole series, each name sanitised and checked once (see also
    /// [`ClientBuilder::unchecked_series`](super::ClientBuilder::unchecked_series)).
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the index of a rejection is that of the series.
    pub fn send_series(&self, series: &[TimeSeries]) -> Result<()> {
        self.send_series_until(series, &Interrupt::new())
    }

    /// The same, but that no further try is begun when `interrupt` is triggered.
    ///
    /// # Errors
    ///
    /// As for [`send_series`](Self::send_series).
    pub fn send_series_until(&self, series: &[TimeSeries], interrupt: &Interrupt) -> Result<()> {
        let (mut sent, mut stayed) = (Sent::default(), Vec::new());
        let deadline = Deadline::after(self.0.timeout, &*self.0.clock);
        self.pack_series(
            series,
            |rejection, points| stayed.push((rejection, points)),
            |body| sent.take(self.deliver(&body, deadline.left(), interrupt)),
        );
        if sent.names_points() {
            let mut lost = vec![0; series.len()];
            for (rejection, points) in &stayed {
                if let Some(slot) = rejection.index().and_then(|index| lost.get_mut(index)) {
                    *slot = *points;
                }
            }
            sent.name_in(series, &lost);
        }
        sent.outcome(stayed)
    }

    /// As [`send`](Self::send), but that no further try is begun when `interrupt` is triggered.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_until(&self, points: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        let (mut sent, mut stayed) = (Sent::default(), Vec::new());
        let deadline = Deadline::after(self.0.timeout, &*self.0.clock);
        self.pack_points(
            points,
            |rejection| stayed.push((rejection, 1)),
            |body| sent.take(self.deliver(&body, deadline.left(), interrupt)),
        );
        // How many points went out before each that stayed here.
        let places = stayed.iter().enumerate();
        let places = places.filter_map(|(n, (rejection, _))| Some(rejection.index()? - n));
        let places: Vec<usize> = places.collect();
        sent.name_by(
            |place| place + places.partition_point(|before| *before <= place),
            |index| points.get(index).map(DataPoint::name),
        );
        sent.outcome(stayed)
    }
}

impl PointSink for Client {
    fn deliver(&self, points: &[DataPoint]) -> Result<()> {
        self.send(points)
    }

    fn deliver_until(&self, points: &[DataPoint], interrupt: &Interrupt) -> Result<()> {
        self.send_until(points, interrupt)
    }

    fn client(&self) -> Option<&Client> {
        Some(self)
    }

    fn global_tags(&self) -> Tags {
        self.0.global_tags.clone()
    }

    fn clean_key<'a>(&self, key: &'a str) -> Cow<'a, str> {
        self.0.sanitizer.clean(key)
    }
}

/// What became of the bodies of a call.
#[derive(Default)]
struct Sent {
    /// Points of the bodies so far.
    points: usize,
    kept: u64,
    failed: u64,
    status: Option<u16>,
    rejected: Vec<Rejection>,
    errors: Vec<Error>,
}

impl Sent {
    fn take(&mut self, delivery: Delivery) {
        let offset = self.points;
        let failed: u64 = delivery.failures.iter().map(|failure| failure.body.points()).sum();
        let points = delivery.kept + delivery.refused + failed;
        self.points += usize::try_from(points).unwrap_or(usize::MAX);
        self.kept += delivery.kept;
        self.failed += delivery.refused;
        self.status = self.status.or(delivery.status);
        self.rejected.extend(delivery.rejected.into_iter().map(|one| one.moved_by(offset)));
        for failure in delivery.failures {
            let mut error = failure.error;
            // A server that fails may have counted all the same.
            let (kept, failed) = match (error.succeeded(), error.failed()) {
                (0, 0) => (0, failure.body.points()),
                counts => counts,
            };
            self.kept += kept;
            self.failed += failed;
            let named = error.take_rejected();
            self.rejected.extend(named.into_iter().map(|one| one.moved_by(offset)));
            self.errors.push(error);
        }
    }

    fn names_points(&self) -> bool {
        self.rejected.iter().any(|one| one.index().is_some())
    }

    /// Rejections under the indices and names of the caller instead of places among what was sent.
    fn name_by<'a>(
        &mut self,
        index_of: impl Fn(usize) -> usize,
        name_of: impl Fn(usize) -> Option<&'a TimeSeriesName>,
    ) {
        for rejection in &mut self.rejected {
            if let Some(place) = rejection.index() {
                let index = index_of(place);
                let name = name_of(index).unwrap_or(rejection.name()).clone();
                rejection.called(index, name);
            }
        }
    }

    /// Rejections under the indices of series, and of points in them, instead of places among what was
    /// sent: all points of `series` but those that are `lost`, of each so many.
    fn name_in(&mut self, series: &[TimeSeries], lost: &[usize]) {
        let kept = series.iter().zip(lost).map(|(one, lost)| one.len() - lost);
        // Where each series ends.
        let ends = kept.scan(0, |end, points| {
            *end += points;
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        for rejection in &mut self.rejected {
            let Some(place) = rejection.index() else { continue };
            let index = ends.partition_point(|end| *end <= place);
            let Some(one) = series.get(index) else { continue };
            let place = place - index.checked_sub(1).map_or(0, |before| ends[before]);
            let point = if lost[index] == 0 {
                Some(place)
            } else {
                let finite = one.values().iter().enumerate().filter(|(_, value)| value.is_finite());
                finite.map(|(point, _)| point).nth(place)
            };
            rejection.called(index, one.name().clone());
            rejection.at_point(point);
        }
    }

    /// All of it, with what stayed here, as the result of the call.
    fn outcome(self, stayed: Vec<(Rejection, usize)>) -> Result<()> {
        let Self { kept, mut failed, status, mut rejected, errors, .. } = self;
        for (rejection, points) in stayed {
            failed += points as u64;
            rejected.push(rejection);
        }
        if failed == 0 {
            return Ok(());
        }
        rejected.sort_by_key(|rejection| rejection.index().unwrap_or(usize::MAX));
        let error = match Error::joined(errors, kept, failed) {
            Some(error) => error.with_rejected(rejected),
            None => Error::refusal(kept, failed, rejected),
        };
        Err(match status {
            Some(status) if error.status().is_none() => error.with_status(status),
            _ => error,
        })
    }
}

/// The body without its compression.
///
/// # Errors
///
/// [`ErrorKind::Answer`]: it is damaged, larger than `limit_bytes`, or in an unknown encoding.
pub(super) fn unpacked<'r>(
    response: &'r Response,
    limit_bytes: usize,
    token: &str,
) -> Result<Cow<'r, [u8]>> {
    let header = response.header("content-encoding").unwrap_or_default();
    let encoding = ContentEncoding::from_header(header).ok_or_else(|| {
        let header = said::fit(header, token).unwrap_or_default();
        Error::new(ErrorKind::Answer, format!("the answer's encoding `{header}` is not known"))
    })?;
    encoding.unpack(response.body(), limit_bytes).map_err(|error| {
        Error::new(ErrorKind::Answer, format!("the answer cannot be unpacked: {error}"))
            .with_source(error)
    })
}
