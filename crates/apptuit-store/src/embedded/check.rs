//! Whether a file is sound: every page, every checksum, and every rule of the format.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use apptuit_model::{Tags, TimeSeriesName, Timestamp};
use rusqlite::{Connection, Row};

use super::bytes::Damage;
use super::chunk::{self, Summary};
use super::load::LAST_BATCH;
use super::month::Month;
use super::{batch, name, schema};
use crate::{Points, StoreError};

/// The most findings that are told. There may be one for each row.
const MAX_FINDINGS: usize = 1000;

/// What a check of a file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Rows of names of series.
    pub series: u64,
    /// Rows of points that are in no chunk yet.
    pub batches: u64,
    /// Rows of chunks.
    pub chunks: u64,
    /// The points in chunks.
    pub points: u64,
    /// What is wrong; at most 1000 things.
    pub findings: Vec<Finding>,
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a table and a row, or a page.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl Check {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, at: impl Into<String>, what: impl Into<String>) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(Finding { at: at.into(), what: what.into() });
        }
    }
}

/// Reads all of a file, as it stands at one moment. A store may have it open and write to it.
///
/// # Errors
///
/// There is no such file, it is not a store, of a newer version, or the operating system refuses.
/// Damage is no error: it is among the [findings](Check::findings).
pub fn check(file: &Path) -> Result<Check, StoreError> {
    let failed = |error| schema::from_sqlite(file, "read", error);
    let mut connection = schema::look_at(file)?;
    let version = schema::recognise(&connection, file)?;
    let snapshot = connection.transaction().map_err(failed)?;
    let mut checked = Checked::new(&snapshot);
    checked.pages();
    if version == 0 {
        return Ok(checked.check);
    }
    match checked.rows(version).map_err(failed) {
        Ok(()) => {}
        // What is behind a damaged page cannot be looked at.
        Err(StoreError::Corrupt { at, what, .. }) => checked.check.find(at, what),
        Err(error) => return Err(error),
    }
    Ok(checked.check)
}

struct Checked<'a> {
    connection: &'a Connection,
    check: Check,
    known: HashSet<i64>,
    covered: HashMap<i64, i64>,
    last_batch: i64,
}

impl<'a> Checked<'a> {
    fn new(connection: &'a Connection) -> Self {
        let (check, known, covered) = (Check::default(), HashSet::new(), HashMap::new());
        Self { connection, check, known, covered, last_batch: i64::MAX }
    }

    fn pages(&mut self) {
        let told = |row: &Row<'_>| row.get::<_, String>(0);
        let told: rusqlite::Result<Vec<_>> = self
            .connection
            .prepare("PRAGMA integrity_check")
            .and_then(|mut statement| statement.query_map([], told)?.collect());
        match told {
            Ok(told) => {
                for what in told.into_iter().filter(|what| what != "ok") {
                    self.check.find("the database", what);
                }
            }
            Err(error) => self.check.find("the database", error.to_string()),
        }
    }

    fn rows(&mut self, version: u32) -> rusqlite::Result<()> {
        self.each("series", "SELECT id, metric, tags FROM series", series_reader())?;
        self.check.series = self.known.len() as u64;
        if version > 1 {
            self.last_batch = self.connection.query_row(LAST_BATCH, [], |row| row.get(0))?;
            self.each("covered", "SELECT series, batch FROM covered", |checked, id, row| {
                checked.covered.insert(id, row.get(1)?);
                Ok(())
            })?;
        }
        let mut points = Points::default();
        self.each("batch", "SELECT id, points FROM batch", |checked, id, row| {
            checked.check.batches += 1;
            // What `meta` tells is of those that are gone.
            checked.last_batch = checked.last_batch.max(id);
            batch::decode(row.get_ref(1)?.as_blob()?, &mut points)?;
            let covers = |series| checked.covered.get(&series).is_some_and(|last| id <= *last);
            let series = points.series.iter().map(|series| i64::from(series.number()));
            let lost = series.filter(|id| !checked.known.contains(id) && !covers(*id)).min();
            lost.map_or(Ok(()), |series| Err(Damage::of(format!("series `{series}` is unknown"))))
        })?;
        if version > 1 { self.months() } else { Ok(()) }
    }

    fn months(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'chunk_*'";
        let mut statement = self.connection.prepare(sql)?;
        let tables = statement.query_map([], |row| row.get(0))?;
        let mut tables = tables.collect::<rusqlite::Result<HashSet<String>>>()?;
        let mut statement = self.connection.prepare("SELECT month, points FROM month")?;
        let months = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (number, points) in months.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
            let at = format!("row {number} of `month`");
            let Some(month) = Month::from_number(number) else {
                self.check.find(at, "it is no month");
                continue;
            };
            if !tables.remove(&month.table()) {
                self.check.find(at, format!("there is no table `{}`", month.table()));
                continue;
            }
            let found = self.chunks(month)?;
            if found != points {
                self.check.find(at, format!("`{points}` points, but the chunks have `{found}`"));
            }
        }
        for table in tables {
            self.check.find(format!("table `{table}`"), "it has no row in `month`");
        }
        Ok(())
    }

    /// How many points the chunks of a month have.
    fn chunks(&mut self, month: Month) -> rusqlite::Result<i64> {
        let table = month.table();
        let sql = format!("SELECT series, start, seq, data FROM {table}");
        let mut statement = self.connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let (mut found, mut decoded) = (0, Decoded::default());
        while let Some(row) = rows.next()? {
            self.check.chunks += 1;
            let (series, start, seq): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let outcome = row.get_ref(3)?.as_blob().map_err(Damage::from);
            match outcome.and_then(|data| decoded.check(data, month, start)) {
                Ok(summary) => {
                    found += schema::integer(summary.count);
                    self.check.points += summary.count as u64;
                }
                Err(damage) => self.check.find(
                    format!("series {series}, start {start} of `{table}`{}", damage.place()),
                    damage.what,
                ),
            }
            let at = || format!("series {series}, start {start} of `{table}`");
            if !self.known.contains(&series) {
                self.check.find(at(), format!("series `{series}` is unknown"));
            }
            if seq > self.last_batch {
                let what = format!("seq `{seq}` is after the last batch, `{}`", self.last_batch);
                self.check.find(at(), what);
            }
        }
        Ok(found)
    }

    /// Looks at each row of a table, whose first column is the number of the row.
    fn each(
        &mut self,
        table: &str,
        sql: &str,
        mut look: impl FnMut(&mut Self, i64, &Row<'_>) -> Result<(), Damage>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            if let Err(damage) = look(self, id, row) {
                self.check.find(format!("row {id} of `{table}`{}", damage.place()), damage.what);
            }
        }
        Ok(())
    }
}

/// Looks at names of series, and remembers them.
fn series_reader() -> impl FnMut(&mut Checked<'_>, i64, &Row<'_>) -> Result<(), Damage> {
    let mut names = HashSet::new();
    move |checked, id, row| {
        checked.known.insert(id);
        let metric = row.get_ref(1)?.as_str()?;
        let tags = name::decode(metric, row.get_ref(2)?.as_blob()?)?;
        if !(1..=i64::from(u32::MAX)).contains(&id) {
            return Err(Damage::of("its number is out of range".to_owned()));
        }
        if names.insert(TimeSeriesName::new(metric, tags.into_iter().collect::<Tags>())) {
            return Ok(());
        }
        Err(Damage::of("another row has the same metric and tags".to_owned()))
    }
}

#[derive(Default)]
struct Decoded {
    timestamps: Vec<Timestamp>,
    values: Vec<f64>,
    again: Vec<u8>,
}

impl Decoded {
    fn check(&mut self, data: &[u8], month: Month, start: i64) -> Result<Summary, Damage> {
        self.timestamps.clear();
        self.values.clear();
        self.again.clear();
        let summary = chunk::summary(data)?;
        chunk::decode(data, &mut self.timestamps, &mut self.values)?;
        // By packing the points again, since that sums them up.
        let found = chunk::encode(&self.timestamps, &self.values, &mut self.again);
        let bits = |summary: &Summary| {
            let Summary { count, start, end, first, last, min, max, sum } = *summary;
            (count, start, end, [first, last, min, max, sum].map(f64::to_bits))
        };
        if bits(&found) != bits(&summary) {
            return Err(Damage::of(format!(
                "its summary is {summary:?}, its points give {found:?}"
            )));
        }
        if summary.start.as_millis() != start {
            return Err(Damage::of(format!(
                "its first point is at `{}`",
                summary.start.as_millis()
            )));
        }
        if (Month::of(summary.start), Month::of(summary.end)) != (month, month) {
            return Err(Damage::of("it has points of another month".to_owned()));
        }
        Ok(summary)
    }
}
