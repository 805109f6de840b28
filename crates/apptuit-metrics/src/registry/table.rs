//! Instruments by name.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apptuit_model::{Tags, TimeSeriesName, decode_metric};
use hashbrown::HashTable;

use super::instrument::{Asked, Handle, Instrument};
use crate::instruments::Registered;
use crate::key::sealed::Named;

/// The tag of the series that takes the place of those beyond the cap.
pub(super) const OVERFLOW: (&str, &str) = ("overflow", "true");

/// Instruments by name and kind, and how many series each metric has.
#[derive(Default)]
pub(super) struct Table {
    instruments: HashTable<Instrument>,
    made: u64,
    /// Series a metric may have; families are only counted if there is a cap.
    cap: Option<usize>,
    families: HashMap<Box<str>, Family>,
}

/// The series of one metric.
#[derive(Debug, Default)]
pub(super) struct Family {
    series: usize,
    /// How often an instrument was asked for that the cap did not let in.
    swallowed: AtomicU64,
}

/// What a table has for a name.
pub(super) enum Found<S> {
    /// The instrument of this name.
    Own(Arc<Registered<S>>),
    /// The instrument that takes the place of all others of its metric.
    Overflow(Arc<Registered<S>>),
}

impl Table {
    pub(super) fn with_cap(cap: Option<usize>) -> Self {
        Self { cap, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.instruments.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Instrument> {
        self.instruments.iter()
    }

    pub(super) fn swallowed(&self, metric: &str) -> u64 {
        self.families.get(metric).map_or(0, |family| family.swallowed.load(Ordering::Relaxed))
    }

    pub(super) fn find<H: Handle>(
        &self,
        hash: u64,
        name: &impl Named,
    ) -> Option<&Arc<Registered<H::State>>> {
        let same = |have: &Instrument| H::unpack(have).is_some_and(|have| name.is(&have.name));
        self.instruments.find(hash, same).and_then(H::unpack)
    }

    /// The instrument of this name, or the one that takes its place if the metric is full.
    pub(super) fn find_or_overflow<H: Handle>(
        &self,
        hash: u64,
        name: &TimeSeriesName,
    ) -> Option<Found<H::State>> {
        if let Some(found) = self.find::<H>(hash, &name) {
            return Some(Found::Own(Arc::clone(found)));
        }
        let overflow = self.overflow_of(name)?;
        let found = self.find::<H>(overflow.hash(), &&overflow)?;
        self.swallow(&overflow);
        Some(Found::Overflow(Arc::clone(found)))
    }

    /// The same, but made of the state if there is none, which then is taken.
    pub(super) fn insert<H: Handle>(
        &mut self,
        hash: u64,
        name: TimeSeriesName,
        state: &mut Option<H::State>,
    ) -> Option<Found<H::State>> {
        if let Some(found) = self.find_or_overflow::<H>(hash, &name) {
            return Some(found);
        }
        let state = state.take()?;
        let Some(overflow) = self.overflow_of(&name) else {
            self.count(&name, 1);
            return Some(Found::Own(self.put::<H>(hash, name, state)));
        };
        self.count(&overflow, 1);
        self.swallow(&overflow);
        Some(Found::Overflow(self.put::<H>(overflow.hash(), overflow, state)))
    }

    /// Takes in an instrument that is a function, unless there is one of this name and kind, or the
    /// metric is full.
    pub(super) fn insert_asked(&mut self, name: TimeSeriesName, asked: &mut Option<Asked>) {
        let (hash, kind) = (name.hash(), asked.as_ref().map(|asked| asked.kind));
        let same = |have: &Instrument| match have {
            Instrument::Asked(have) => Some(have.state.kind) == kind && have.name == name,
            _ => false,
        };
        if self.instruments.find(hash, same).is_some() {
            return;
        }
        if let Some(overflow) = self.overflow_of(&name) {
            return self.swallow(&overflow);
        }
        let Some(state) = asked.take() else { return };
        self.count(&name, 1);
        let registered = Arc::new(Registered::new(name, self.made, state));
        self.made += 1;
        let rehash = |have: &Instrument| have.name().hash();
        self.instruments.insert_unique(hash, Instrument::Asked(registered), rehash);
    }

    fn put<H: Handle>(
        &mut self,
        hash: u64,
        name: TimeSeriesName,
        state: H::State,
    ) -> Arc<Registered<H::State>> {
        let registered = Arc::new(Registered::new(name, self.made, state));
        self.made += 1;
        let rehash = |have: &Instrument| have.name().hash();
        self.instruments.insert_unique(hash, H::pack(Arc::clone(&registered)), rehash);
        registered
    }

    /// Takes out the instruments of a name that satisfy `which`; to be dropped without a lock.
    pub(super) fn take(
        &mut self,
        name: &TimeSeriesName,
        which: impl Fn(&Instrument) -> bool,
    ) -> Vec<Instrument> {
        let hash = name.hash();
        let mut taken = Vec::new();
        while let Ok(entry) =
            self.instruments.find_entry(hash, |have| have.name() == name && which(have))
        {
            taken.push(entry.remove().0);
            self.count(name, -1);
        }
        taken
    }

    /// Takes out everything; to be dropped without a lock.
    pub(super) fn take_all(&mut self) -> HashTable<Instrument> {
        self.families.clear();
        std::mem::take(&mut self.instruments)
    }

    /// The name of the series that takes the place of a new one, if its metric is full.
    fn overflow_of(&self, name: &TimeSeriesName) -> Option<TimeSeriesName> {
        let cap = self.cap?;
        if is_overflow(name) {
            return None;
        }
        let metric = metric_of(name);
        let full = self.families.get(&*metric).map_or(0, |family| family.series) >= cap;
        full.then(|| TimeSeriesName::new(&*metric, Tags::from([OVERFLOW])))
    }

    fn swallow(&self, overflow: &TimeSeriesName) {
        if let Some(family) = self.families.get(overflow.metric()) {
            family.swallowed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn count(&mut self, name: &TimeSeriesName, change: isize) {
        if self.cap.is_none() {
            return;
        }
        let metric = metric_of(name);
        let family = self.families.entry(metric.clone()).or_default();
        if !is_overflow(name) {
            family.series = family.series.saturating_add_signed(change);
        }
        // Metrics may come and go without end.
        if change < 0 && family.series == 0 && *family.swallowed.get_mut() == 0 {
            self.families.remove(&metric);
        }
    }
}

/// Whether it is the name of a series that takes the place of others, without a tag of its own.
pub(crate) fn is_overflow(name: &TimeSeriesName) -> bool {
    name.tags().iter().eq([OVERFLOW])
}

/// The metric of a name, also if its tags are encoded in the text.
pub(super) fn metric_of(name: &TimeSeriesName) -> Box<str> {
    decoded(name).metric().into()
}

/// A name with the tags that its text may encode.
pub(super) fn decoded(name: &TimeSeriesName) -> TimeSeriesName {
    if name.tags().is_empty()
        && name.metric().contains('{')
        && let Ok(decoded) = decode_metric(name.metric())
    {
        return decoded;
    }
    name.clone()
}
