//! Points on their way out: read from Python's objects, and refused before anything is sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use apptuit::client::Interrupt;
use apptuit::{
    Client, DataPoint as Point, Error, Rejection, Sanitizer, Tags, TimeSeries as Series,
    TimeSeriesName,
};
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

/// Points as they are sent: one by one, or series by series.
#[derive(Default)]
pub(crate) struct Outgoing {
    points: Vec<Point>,
    series: Vec<Series>,
    /// For points that were grouped, the series of each in the order they were given.
    order: Vec<u32>,
}

impl Outgoing {
    pub(crate) fn send(&self, client: &Client, interrupt: &Interrupt) -> Result<(), Error> {
        if self.series.is_empty() {
            client.send_until(&self.points, interrupt)
        } else {
            client.send_series_until(&self.series, interrupt)
        }
    }

    /// Refusals in the order in which the points were given.
    pub(crate) fn sorted<'r>(&self, refused: &'r [Rejection]) -> Vec<&'r Rejection> {
        let mut given = vec![Vec::new(); self.series.len()];
        for (index, id) in self.order.iter().enumerate() {
            given[*id as usize].push(index);
        }
        let mut sorted: Vec<_> = refused.iter().collect();
        sorted.sort_by_cached_key(|refused| {
            // Those without a place come last.
            let Some(index) = refused.index() else { return usize::MAX };
            let point = refused.point().unwrap_or_default();
            given.get(index).and_then(|places| places.get(point).copied()).unwrap_or(index)
        });
        sorted
    }
}

/// The points of a list; the first that cannot be sent is an error which names it.
pub(crate) fn points(list: &Bound<'_, PyList>, rules: &Rules<'_>) -> PyResult<Outgoing> {
    let (py, is_grouped) = (list.py(), list.len() > MAX_IN_ORDER);
    let (mut names, mut out) = (Names::new(rules, Kind::Points), Outgoing::default());
    out.order.reserve_exact(if is_grouped { list.len() } else { 0 });
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
        if is_grouped {
            if let Some(name) = names.sent.get(out.series.len()) {
                out.series.push(Series::new(name));
            }
            out.series[id as usize].push(timestamp, value);
            out.order.push(id);
        } else {
            out.points.push(Point::new(&names.sent[id as usize], timestamp, value));
        }
    }
    Ok(out)
}

/// The series of a list; the first that cannot be sent is an error which names it.
pub(crate) fn series(list: &Bound<'_, PyList>, rules: &Rules<'_>) -> PyResult<Outgoing> {
    let py = list.py();
    let mut names = Names::new(rules, Kind::Series);
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
    Ok(Outgoing { series: all, ..Outgoing::default() })
}

/// What has the names of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Points,
    /// Without a rule for names, series go out under any.
    Series,
}

/// The names of a call, each converted and checked once.
struct Names<'a> {
    rules: &'a Rules<'a>,
    kind: Kind,
    sent: Vec<TimeSeriesName>,
    ids: HashMap<TimeSeriesName, u32>,
    /// By their places in memory, where they stay as long as they are here.
    shared: HashMap<*const SharedName, (Arc<SharedName>, u32)>,
}

impl<'a> Names<'a> {
    fn new(rules: &'a Rules<'a>, kind: Kind) -> Self {
        Self { rules, kind, sent: Vec::new(), ids: HashMap::new(), shared: HashMap::new() }
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
                self.rules.check(vacant.key(), self.kind)?;
                self.sent.push(vacant.key().clone());
                Ok(*vacant.insert(id))
            }
        }
    }
}

impl Rules<'_> {
    /// Refuses a name that the client would not send.
    fn check(&self, name: &TimeSeriesName, kind: Kind) -> PyResult<()> {
        let merged = name.with_tags(name.tags().merged_over(self.global_tags));
        if merged.tags().is_empty() {
            let why = "give it one, or set global tags or APPTUIT_TAGS";
            return Err(value_error(format!("`{name}` has no tags: {why}")));
        }
        let is_unchecked = kind == Kind::Series && self.sanitizer == Sanitizer::Off;
        let checked =
            if is_unchecked { merged.check_tags() } else { self.sanitizer.name(&merged).map(drop) };
        checked.map_err(|error| value_error(error.to_string()))
    }
}
