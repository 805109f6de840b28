//! What a query answered.

use std::ops::Index;

use apptuit_model::{TimeRange, TimeSeries, Timestamp};

use crate::Frame;

/// The outputs of a query, by name or by position.
///
/// Positions count the outputs that have series; an output without any is left out.
///
/// ```no_run
/// # use apptuit::{Client, TimeRange};
/// # use std::time::Duration;
/// # let client = Client::builder().build()?;
/// let answer = client.query("cpu = fetch('cpu'); output(cpu)", TimeRange::last(Duration::from_mins(1)))?;
/// for series in answer["cpu"].series() {
///     println!("{}: {} points", series.name(), series.len());
/// }
/// # Ok::<(), apptuit::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct QueryResult {
    range: TimeRange,
    outputs: Vec<Output>,
    hints: Vec<String>,
}

impl QueryResult {
    pub(crate) fn new(range: TimeRange, outputs: Vec<Output>, hints: Vec<String>) -> Self {
        Self { range, outputs, hints }
    }

    /// The start of the range that was asked for.
    pub fn start(&self) -> Timestamp {
        self.range.start()
    }

    /// The end of the range that was asked for.
    pub fn end(&self) -> Timestamp {
        self.range.end()
    }

    /// The number of outputs.
    pub fn len(&self) -> usize {
        self.outputs.len()
    }

    /// Whether the query found nothing.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// What the server advises, a clause each: names that no series has.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// The output of this name (a `&str`) or at this position (a `usize`).
    pub fn get(&self, key: impl OutputKey) -> Option<&Output> {
        key.find_in(&self.outputs)
    }

    /// The outputs, in the order the query names them.
    pub fn iter(&self) -> std::slice::Iter<'_, Output> {
        self.outputs.iter()
    }
}

impl IntoIterator for QueryResult {
    type Item = Output;
    type IntoIter = std::vec::IntoIter<Output>;

    fn into_iter(self) -> Self::IntoIter {
        self.outputs.into_iter()
    }
}

impl<'a> IntoIterator for &'a QueryResult {
    type Item = &'a Output;
    type IntoIter = std::slice::Iter<'a, Output>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Panics if there is no such output; [`get`](QueryResult::get) does not.
impl Index<&str> for QueryResult {
    type Output = Output;

    fn index(&self, id: &str) -> &Output {
        self.get(id).unwrap_or_else(|| panic!("the query has no output `{id}` with series"))
    }
}

/// Panics if there is no such output; [`get`](QueryResult::get) does not.
impl Index<usize> for QueryResult {
    type Output = Output;

    fn index(&self, position: usize) -> &Output {
        self.get(position).unwrap_or_else(|| {
            panic!("the query has no output {position}, only {} with series", self.len())
        })
    }
}

/// What an [`Output`] is found by: its name or its position.
pub trait OutputKey: sealed::OutputKey {}

impl OutputKey for &str {}
impl OutputKey for usize {}

mod sealed {
    use super::Output;

    pub trait OutputKey {
        fn find_in(self, outputs: &[Output]) -> Option<&Output>;
    }

    impl OutputKey for &str {
        fn find_in(self, outputs: &[Output]) -> Option<&Output> {
            outputs.iter().find(|output| output.id() == self)
        }
    }

    impl OutputKey for usize {
        fn find_in(self, outputs: &[Output]) -> Option<&Output> {
            outputs.get(self)
        }
    }
}

/// One output of a query: a name and its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    id: String,
    series: Vec<TimeSeries>,
}

impl Output {
    pub(crate) fn new(id: String, series: Vec<TimeSeries>) -> Self {
        Self { id, series }
    }

    /// The name it has in the query.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its series.
    pub fn series(&self) -> &[TimeSeries] {
        &self.series
    }

    /// Its series, given away.
    pub fn into_series(self) -> Vec<TimeSeries> {
        self.series
    }

    /// Its series side by side, one column each.
    pub fn to_frame(&self) -> Frame {
        Frame::from_series(&self.series)
    }

    /// The same, without a copy of columns that are whole.
    pub fn into_frame(self) -> Frame {
        Frame::from(self.series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> QueryResult {
        let output = |id: &str| Output::new(id.to_owned(), vec![TimeSeries::new("m")]);
        QueryResult::new(TimeRange::ALL, vec![output("a"), output("b")], Vec::new())
    }

    #[test]
    fn an_output_is_found_by_name_and_by_position() {
        let result = result();
        assert_eq!(result["b"].id(), "b");
        assert_eq!(result[0].id(), "a");
        assert_eq!(result.get("c"), None);
        assert_eq!(result.get(2), None);
    }

    #[test]
    #[should_panic(expected = "no output `c`")]
    fn an_unknown_name_is_named_in_the_panic() {
        let _ = &result()["c"];
    }

    #[test]
    #[should_panic(expected = "no output 2, only 2 with series")]
    fn an_unknown_position_is_named_in_the_panic() {
        let _ = &result()[2];
    }

    /// To look for an output does not make one.
    #[test]
    fn looking_changes_nothing() {
        let (result, before) = (result(), result());
        assert!(result.get("phantom").is_none() && result.get(usize::MAX).is_none());
        assert_eq!(result, before);
        let ids: Vec<_> = result.into_iter().map(|output| output.id().to_owned()).collect();
        assert_eq!(ids, ["a", "b"]);
    }
}
