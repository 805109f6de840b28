//! Reading outputs of the usual shape in one pass, straight into columns.
//!
//! Points are read here, and so are names without escapes. Other members are the library's, one by
//! one. `None` means that something is unusual or wrong; then the library reads it all.

use std::ops::Range;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Deserializer;

use super::decode::TagMembers;
use super::points::Columns;
use super::{AnswerOutput, AnswerSeries};
use crate::wire::scan::Scan;
use crate::{Tags, TimeSeries, TimeSeriesName};

/// The outputs of an answer, and where in it they stand.
pub(super) fn outputs(answer: &str) -> Option<(Vec<AnswerOutput>, Range<usize>)> {
    let mut reader = Reader { scan: Scan::new(answer), expected: 0 };
    let mut found = None;
    reader.members(|reader, key| {
        if key != "outputs" {
            return reader.skip();
        }
        reader.scan.blanks();
        let start = reader.scan.at();
        let mut outputs = Vec::new();
        reader.items(|reader| {
            outputs.push(reader.output()?);
            Some(())
        })?;
        set(&mut found, (outputs, start..reader.scan.at()))
    })?;
    found
}

/// Keeps the value of a member; a member that comes twice is none.
fn set<T>(member: &mut Option<T>, value: T) -> Option<()> {
    let is_first = member.is_none();
    *member = Some(value);
    is_first.then_some(())
}

struct Reader<'text> {
    scan: Scan<'text>,
    /// Points of the series before this one: mostly all series have the same number.
    expected: usize,
}

impl<'text> Reader<'text> {
    fn output(&mut self) -> Option<AnswerOutput> {
        let (mut id, mut result) = (None, None);
        self.members(|reader, key| match key {
            "id" => set(&mut id, reader.string()?),
            "result" => {
                let mut series = Vec::new();
                reader.items(|reader| {
                    series.push(reader.series()?);
                    Some(())
                })?;
                set(&mut result, series)
            }
            _ => reader.skip(),
        })?;
        Some(AnswerOutput { id: id?, series: result? })
    }

    fn series(&mut self) -> Option<AnswerSeries> {
        let (mut metric, mut tags, mut aggregated_tags, mut points) = (None, None, None, None);
        self.members(|reader, key| match key {
            "metric" => set(&mut metric, reader.string()?),
            "tags" => set(&mut tags, reader.tags()?),
            "aggregatedTags" => set(&mut aggregated_tags, reader.by_library::<Option<_>>()?),
            "dps" => set(&mut points, reader.points()?),
            _ => reader.skip(),
        })?;
        let name = TimeSeriesName::new(metric?, tags.unwrap_or_default());
        let Columns { timestamps, values } = points?;
        Some(AnswerSeries {
            series: TimeSeries::from_columns(name, timestamps, values),
            aggregated_tags: aggregated_tags.flatten().unwrap_or_default(),
        })
    }

    fn tags(&mut self) -> Option<Tags> {
        self.scan.blanks();
        let start = self.scan.at();
        let mut tags = Vec::new();
        let plain = self.members(|reader, key| {
            reader.scan.blanks();
            tags.push((key, reader.scan.plain_string()?));
            Some(())
        });
        if plain.is_some() {
            return Some(tags.into_iter().collect());
        }
        self.scan.go_to(start);
        self.by_library().map(|TagMembers(tags)| tags)
    }

    fn points(&mut self) -> Option<Columns> {
        let columns = Columns::read(&mut self.scan, self.expected)?;
        self.expected = columns.values.len();
        Some(columns)
    }

    fn string(&mut self) -> Option<String> {
        self.scan.blanks();
        match self.scan.plain_string() {
            Some(plain) => Some(plain.to_owned()),
            None => self.by_library(),
        }
    }

    /// Hands each key of an object to `member`, which reads the value.
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &'text str) -> Option<()>,
    ) -> Option<()> {
        self.list(b'{', b'}', |reader| {
            reader.scan.blanks();
            let key = reader.scan.plain_string()?;
            if !reader.scan.take(b':') {
                return None;
            }
            member(reader, key)
        })
    }

    /// Calls `item` at each item of an array.
    fn items(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list(b'[', b']', item)
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        if !self.scan.take(open) {
            return None;
        }
        if self.scan.take(close) {
            return Some(());
        }
        loop {
            item(self)?;
            if !self.scan.take(b',') {
                return self.scan.take(close).then_some(());
            }
        }
    }

    fn skip(&mut self) -> Option<()> {
        self.by_library().map(|IgnoredAny| ())
    }

    /// The value at the cursor, whatever it is.
    fn by_library<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut values = Deserializer::from_str(self.scan.rest()).into_iter();
        let value = values.next()?.ok()?;
        self.scan.go_to(self.scan.at() + values.byte_offset());
        Some(value)
    }
}
