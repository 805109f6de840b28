//! Points on their way out: read from Python's objects, and refused before anything is sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use apptuit::{DataPoint as Point, Sanitizer, Tags, TimeSeries as Series, TimeSeriesName};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::errors::{self, type_error, value_error};
use crate::names::Name;
use crate::points::DataPoint;
use crate::series::TimeSeries;

/// Points up to which they are sent in the order they are given. More are sent series by series,
/// which makes smaller bodies, sooner; points of one series stay in their order.
const MAX_IN_ORDER: usize = 1000;

/// What decides whether a name can be sent.
pub(crate) struct Rules<'a> {
    pub(crate) global_tags: &'a Tags,
    pub(crate) sanitizer: Sanitizer,
}

/// Points as they are sent.
#[derive(Default)]
pub(crate) struct Outgoing {
    pub(crate) points: Vec<Point>,
    /// Where each of the points given has gone, if they were grouped.
    places: Vec<u32>,
}

impl Outgoing {
    /// Where each of `points` was among those given; empty if it has stayed there.
    pub(crate) fn indices(&self) -> Vec<usize> {
        let mut indices = vec![0; self.places.len()];
        for (index, place) in self.places.iter().enumerate() {
            indices[*place as usize] = index;
        }
        indices
    }
}

/// The points of a list; the first that cannot be sent is an error which names it.
pub(crate) fn points(list: &Bound<'_, PyList>, rules: &Rules<'_>) -> PyResult<Outgoing> {
    let py = list.py();
    let mut names = Names::new(rules);
    let mut points = Vec::with_capacity(list.len());
    let mut series = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let refused = |why: PyErr| errors::refused(py, index, &item, why);
        let point = item.cast::<DataPoint>().map_err(|_| {
            let kind = item.get_type();
            type_error(format!("number {index} is of type `{kind}`: expected a DataPoint"))
        })?;
        let point = point.borrow();
        let id = point.with_name(py, |name| names.id(py, name)).map_err(refused)?;
        let (timestamp, value) = point.sample(py).map_err(refused)?;
        if !value.is_finite() {
            let why = format!("its value is `{value}`, expected a finite number");
            return Err(refused(value_error(why)));
        }
        points.push(Point::new(&names.sent[id as usize], timestamp, value));
        series.push(id);
    }
    let count = names.sent.len();
    Ok(if points.len() > MAX_IN_ORDER && (2..points.len()).contains(&count) {
        grouped(points, &series, count)
    } else {
        Outgoing { points, places: Vec::new() }
    })
}

/// The series of a list; the first that cannot be sent is an error which names it.
pub(crate) fn series(list: &Bound<'_, PyList>, rules: &Rules<'_>) -> PyResult<Vec<Series>> {
    let py = list.py();
    let mut names = Names::new(rules);
    let mut all = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let refused = |why: PyErr| errors::refused(py, index, &item, why);
        let one = item.cast::<TimeSeries>().map_err(|_| {
            let kind = item.get_type();
            type_error(format!("number {index} is of type `{kind}`: expected a TimeSeries"))
        })?;
        let one = one.borrow();
        let id = one.with_name(py, |name| names.id(py, name)).map_err(refused)?;
        let model = one.to_model(py, names.sent[id as usize].clone()).map_err(refused)?;
        if let Some(value) = model.values().iter().find(|value| !value.is_finite()) {
            let why = format!("one of its values is `{value}`, expected finite numbers");
            return Err(refused(value_error(why)));
        }
        all.push(model);
    }
    Ok(all)
}

/// The same points, series by series. In place, since there may be many.
fn grouped(mut points: Vec<Point>, series: &[u32], count: usize) -> Outgoing {
    let mut ends = vec![0_u32; count + 1];
    for id in series {
        ends[*id as usize + 1] += 1;
    }
    for id in 0..count {
        ends[id + 1] += ends[id];
    }
    let mut places: Vec<u32> = Vec::with_capacity(series.len());
    for id in series {
        places.push(ends[*id as usize]);
        ends[*id as usize] += 1;
    }
    let mut moves = places.clone();
    for at in 0..points.len() {
        while moves[at] as usize != at {
            let to = moves[at] as usize;
            points.swap(at, to);
            moves.swap(at, to);
        }
    }
    Outgoing { points, places }
}

/// The names of a call, each converted and checked once.
struct Names<'a, 'py> {
    rules: &'a Rules<'a>,
    sent: Vec<TimeSeriesName>,
    ids: HashMap<TimeSeriesName, u32>,
    /// Those that are all text, by the hashes that Python keeps of texts.
    texts: HashMap<u64, Vec<Texts<'py>>>,
}

impl<'a, 'py> Names<'a, 'py> {
    fn new(rules: &'a Rules<'a>) -> Self {
        Self { rules, sent: Vec::new(), ids: HashMap::new(), texts: HashMap::new() }
    }

    /// The place of a name in `sent`.
    fn id(&mut self, py: Python<'py>, name: &Name) -> PyResult<u32> {
        let (metric, tags) = (name.metric(py), name.tags(py));
        let hash = hash_of_texts(metric, tags)?;
        let known = hash.and_then(|hash| self.texts.get(&hash)).into_iter().flatten();
        if let Some(known) = known.into_iter().find(|known| known.are(metric, tags)) {
            return Ok(known.id);
        }
        let id = self.new_id(name.to_model(py)?)?;
        if let Some(hash) = hash {
            self.texts.entry(hash).or_default().push(Texts::new(metric, tags, id)?);
        }
        Ok(id)
    }

    fn new_id(&mut self, name: TimeSeriesName) -> PyResult<u32> {
        let id = u32::try_from(self.sent.len()).map_err(|_| value_error("too many names"))?;
        match self.ids.entry(name) {
            Entry::Occupied(known) => Ok(*known.get()),
            Entry::Vacant(vacant) => {
                self.rules.check(vacant.key())?;
                self.sent.push(vacant.key().clone());
                Ok(*vacant.insert(id))
            }
        }
    }
}

impl Rules<'_> {
    /// Refuses a name that the client would not send.
    fn check(&self, name: &TimeSeriesName) -> PyResult<()> {
        let merged = name.with_tags(name.tags().merged_over(self.global_tags));
        if merged.tags().is_empty() {
            let why = "give it one, or set global tags or APPTUIT_TAGS";
            return Err(value_error(format!("`{name}` has no tags: {why}")));
        }
        self.sanitizer.name(&merged).map_err(|error| value_error(error.to_string()))?;
        Ok(())
    }
}

/// A name that is all text, as Python has it.
struct Texts<'py> {
    metric: Bound<'py, PyString>,
    tags: Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>,
    id: u32,
}

impl<'py> Texts<'py> {
    fn new(
        metric: &Bound<'py, PyString>,
        tags: Option<&Bound<'py, PyDict>>,
        id: u32,
    ) -> PyResult<Self> {
        let pair = |(key, value): (Bound<'py, PyAny>, Bound<'py, PyAny>)| {
            Ok((key.cast_into()?, value.cast_into()?))
        };
        let tags = tags.into_iter().flatten().map(pair).collect::<PyResult<_>>()?;
        Ok(Self { metric: metric.clone(), tags, id })
    }

    fn are(&self, metric: &Bound<'py, PyString>, tags: Option<&Bound<'py, PyDict>>) -> bool {
        let mut pairs = self.tags.iter();
        let same_tags = tags.into_iter().flatten().all(|(key, value)| {
            pairs.next().is_some_and(|(own_key, own_value)| {
                is_text(own_key, &key) && is_text(own_value, &value)
            })
        });
        same_tags && pairs.next().is_none() && is_text(&self.metric, metric)
    }
}

/// Whether it is this text: mostly the same object.
fn is_text(text: &Bound<'_, PyString>, other: &Bound<'_, PyAny>) -> bool {
    let equal = |other: &Bound<'_, PyString>| match (text.to_str(), other.to_str()) {
        (Ok(text), Ok(other)) => text == other,
        _ => false,
    };
    text.is(other) || other.cast_exact().is_ok_and(equal)
}

/// A hash of texts in their order; None if anything is no plain text, whose hash Python keeps and
/// which has no code of its own.
fn hash_of_texts(
    metric: &Bound<'_, PyString>,
    tags: Option<&Bound<'_, PyDict>>,
) -> PyResult<Option<u64>> {
    let mut hash = 0_u64;
    let mut add = |text: &Bound<'_, PyAny>| {
        if !text.is_exact_instance_of::<PyString>() {
            return Ok::<_, PyErr>(false);
        }
        let own = text.hash()?.cast_unsigned() as u64;
        hash = (hash.rotate_left(5) ^ own).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Ok(true)
    };
    if !add(metric)? {
        return Ok(None);
    }
    for (key, value) in tags.into_iter().flatten() {
        if !add(&key)? || !add(&value)? {
            return Ok(None);
        }
    }
    Ok(Some(hash))
}
