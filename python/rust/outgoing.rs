//! Points on their way out: read from Python's objects, and refused before anything is sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use apptuit::{DataPoint as Point, Sanitizer, Tags, TimeSeries as Series, TimeSeriesName};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::{self, type_error, value_error};
use crate::points::DataPoint;
use crate::series::TimeSeries;
use crate::shared::SharedName;

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
        let id = match point.shared_name() {
            Some(shared) => names.id_of_shared(py, shared),
            None => point.with_name(py, |name| names.id(name.to_model(py)?)),
        };
        let id = id.map_err(refused)?;
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
        let id = one.with_name(py, |name| names.id(name.to_model(py)?)).map_err(refused)?;
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
struct Names<'a> {
    rules: &'a Rules<'a>,
    sent: Vec<TimeSeriesName>,
    ids: HashMap<TimeSeriesName, u32>,
    /// By their places in memory, where they stay as long as they are here.
    shared: HashMap<*const SharedName, (Arc<SharedName>, u32)>,
}

impl<'a> Names<'a> {
    fn new(rules: &'a Rules<'a>) -> Self {
        Self { rules, sent: Vec::new(), ids: HashMap::new(), shared: HashMap::new() }
    }

    fn id_of_shared(&mut self, py: Python<'_>, name: &Arc<SharedName>) -> PyResult<u32> {
        if let Some((_, id)) = self.shared.get(&Arc::as_ptr(name)) {
            return Ok(*id);
        }
        let id = self.id(name.model(py)?.clone())?;
        self.shared.insert(Arc::as_ptr(name), (name.clone(), id));
        Ok(id)
    }

    /// The place of a name in `sent`.
    fn id(&mut self, name: TimeSeriesName) -> PyResult<u32> {
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
