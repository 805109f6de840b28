//! Names that many points have: a metric and tags that are all text are kept once.

use std::collections::HashMap;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

use apptuit::TimeSeriesName as ModelName;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::names::Name;
use crate::objects::{is_at, place, places};
use crate::once::Once;

/// Names that are kept; then all are let go of, but for those that points have.
const MAX_KEPT: usize = 8 * 1024;

/// Places for the names that came last, in pairs.
const RECENT: usize = 4096;

/// A name that nobody changes.
pub(crate) struct SharedName {
    name: Name,
    /// Where its texts are, in order: as long as it has them, nothing else is there.
    places: Box<[usize]>,
    model: Once<ModelName>,
}

impl SharedName {
    fn new(py: Python<'_>, name: Name) -> Self {
        let tags = name.tags(py).into_iter().flat_map(places);
        let places = iter::once(place(name.metric(py))).chain(tags).collect();
        Self { name, places, model: Once::new() }
    }

    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// The name as it is sent.
    pub(crate) fn model(&self, py: Python<'_>) -> PyResult<&ModelName> {
        self.model.try_get(py, || self.name.to_model(py))
    }

    /// Whether it is of these very texts.
    fn has(&self, metric: &Bound<'_, PyString>, tags: &Bound<'_, PyDict>) -> bool {
        let Some((own, rest)) = self.places.split_first() else { return false };
        *own == place(metric) && is_at(tags, rest)
    }

    /// Whether it is of equal texts.
    fn is(&self, metric: &Bound<'_, PyString>, tags: &Bound<'_, PyDict>) -> bool {
        let py = metric.py();
        let own = self.name.tags(py);
        own.is_some_and(|own| own.len() == tags.len())
            && is_text(self.name.metric(py), metric)
            && own.into_iter().flatten().zip(tags).all(|((own_key, own_value), (key, value))| {
                is_text(&own_key, &key) && is_text(&own_value, &value)
            })
    }
}

#[derive(Default)]
struct Kept {
    /// By the hashes that Python keeps of texts.
    names: HashMap<u64, Vec<Arc<SharedName>>>,
    /// By the objects they were given as: names that recur mostly come as the same. Of two that have
    /// the same pair of places neither drives out the other.
    recent: Vec<Option<Arc<SharedName>>>,
}

impl Kept {
    /// The name that was given as these objects, if they still are it.
    fn recent(
        &self,
        at: usize,
        metric: &Bound<'_, PyString>,
        tags: &Bound<'_, PyDict>,
    ) -> Option<&Arc<SharedName>> {
        let pair = self.recent.get(at..at + 2)?;
        pair.iter().flatten().find(|known| known.has(metric, tags))
    }

    fn remember(&mut self, at: usize, name: &Arc<SharedName>) {
        self.recent.resize(RECENT, None);
        self.recent.swap(at, at + 1);
        self.recent[at] = Some(name.clone());
    }
}

/// Locked under the interpreter's lock only, and while no code of Python's can run: a fork finds it
/// unlocked, and a finaliser too.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// The shared name of `metric` and `tags`, if both are plain text.
pub(crate) fn shared(
    metric: &Bound<'_, PyAny>,
    tags: &Bound<'_, PyAny>,
) -> PyResult<Option<Arc<SharedName>>> {
    let Ok(text) = metric.cast_exact::<PyString>() else { return Ok(None) };
    let Ok(dict) = tags.cast_exact::<PyDict>() else { return Ok(None) };
    let at = place(metric).rotate_left(7).wrapping_add(place(dict)) / 16 * 2 % RECENT;
    {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().and_then(|kept| kept.recent(at, text, dict)) {
            return Ok(Some(known.clone()));
        }
    }
    let Some(hash) = hash_of(text, dict)? else { return Ok(None) };
    let found = {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_mut().and_then(|kept| {
            let known = kept.names.get(&hash)?.iter().find(|one| one.is(text, dict))?.clone();
            kept.remember(at, &known);
            Some(known)
        })
    };
    if found.is_some() {
        return Ok(found);
    }
    let shared = Arc::new(SharedName::new(metric.py(), Name::new(Some(metric), Some(tags))?));
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let full = kept.take_if(|kept| kept.names.len() >= MAX_KEPT);
    let own = kept.get_or_insert_default();
    own.remember(at, &shared);
    own.names.entry(hash).or_default().push(shared.clone());
    drop(kept);
    drop(full);
    Ok(Some(shared))
}

/// Whether it is this text: mostly the same object.
fn is_text(text: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> bool {
    text.is(other)
        || match (text.cast_exact::<PyString>(), other.cast_exact::<PyString>()) {
            (Ok(text), Ok(other)) => text.to_cow().is_ok_and(|text| *other == *text),
            _ => false,
        }
}

/// A hash of texts in their order; None if anything is no plain text, which has no code of its own.
fn hash_of(metric: &Bound<'_, PyString>, tags: &Bound<'_, PyDict>) -> PyResult<Option<u64>> {
    let mix = |hash: u64, text: &Bound<'_, PyAny>| {
        let own = text.hash()?.cast_unsigned() as u64;
        Ok::<_, PyErr>((hash.rotate_left(5) ^ own).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    };
    let mut hash = mix(0, metric)?;
    for (key, value) in tags {
        if !key.is_exact_instance_of::<PyString>() || !value.is_exact_instance_of::<PyString>() {
            return Ok(None);
        }
        hash = mix(mix(hash, &key)?, &value)?;
    }
    Ok(Some(hash))
}
