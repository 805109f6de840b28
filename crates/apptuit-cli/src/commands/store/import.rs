//! `apptuit store import`

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use apptuit_store::{EmbeddedStore, Points, Store as _, StoreOptions};

use super::{Progress, explain};
use crate::args::{Import, PointFormat};
use crate::commands::points_of_line;
use crate::failure::Failure;
use crate::output::{counted, talk};

/// Points of one commit.
const BATCH: usize = 50_000;
/// Refusals shown one by one; the rest is only counted.
const SHOWN_REFUSALS: u64 = 10;

/// Keeps what it reads, says which lines were refused and why, and leaves the file small.
pub(super) fn run(args: &Import) -> Result<(), Failure> {
    let store = EmbeddedStore::open(&args.store, StoreOptions::default())
        .map_err(|error| explain(&error))?;
    let mut importer =
        Importer { store, points: Points::default(), progress: Progress::default(), refused: 0 };
    let standard_input = [Path::new("-").to_path_buf()];
    let files = if args.files.is_empty() { &standard_input } else { args.files.as_slice() };
    let read = files.iter().try_for_each(|file| importer.read(file, args.format));
    // What was read before is good, and is not held back.
    importer.flush()?;
    talk(format_args!("{} imported", counted(importer.progress.points, "point")));
    read?;
    importer.store.compact().map_err(Failure::new)?;
    importer.store.close().map_err(Failure::new)?;
    importer.finish()
}

struct Importer {
    store: EmbeddedStore,
    points: Points,
    progress: Progress,
    refused: u64,
}

impl Importer {
    fn read(&mut self, file: &Path, format: PointFormat) -> Result<(), Failure> {
        let is_input = file == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { file.display().to_string() };
        let opened: io::Result<Box<dyn Read>> = if is_input {
            Ok(Box::new(io::stdin().lock()))
        } else {
            File::open(file).map(|file| Box::new(file) as _)
        };
        let cannot_read = |error: &dyn std::fmt::Display| {
            Failure::new(format_args!("cannot read `{name}`: {error}"))
        };
        let opened = opened.map_err(|error| cannot_read(&error))?;
        match format {
            PointFormat::Jsonl => {
                let mut reader = BufReader::with_capacity(1 << 16, opened);
                let mut text = Vec::new();
                for line in 1.. {
                    text.clear();
                    let read = reader.read_until(b'\n', &mut text);
                    if read.map_err(|error| cannot_read(&error))? == 0 {
                        break;
                    }
                    self.json(&name, line, text.trim_ascii())?;
                }
                Ok(())
            }
            PointFormat::Csv => {
                let reader = csv::ReaderBuilder::new().flexible(true).from_reader(opened);
                self.csv(&name, reader, &cannot_read)
            }
        }
    }

    fn csv(
        &mut self,
        name: &str,
        mut reader: csv::Reader<Box<dyn Read>>,
        cannot_read: &dyn Fn(&dyn std::fmt::Display) -> Failure,
    ) -> Result<(), Failure> {
        let header = reader.headers().map_err(|error| cannot_read(&error))?.clone();
        let first: Vec<_> = header.iter().take(3).collect();
        if first != ["metric", "timestamp", "value"] {
            let first = first.join(",");
            return Err(Failure::new(format_args!(
                "`{name}` begins with `{first}`: expected `metric,timestamp,value` and the keys of tags"
            )));
        }
        let mut record = csv::StringRecord::new();
        loop {
            let line = reader.position().line();
            match reader.read_record(&mut record) {
                Ok(false) => return Ok(()),
                Ok(true) => {}
                Err(error) if error.is_io_error() => return Err(cannot_read(&error)),
                Err(error) => {
                    self.refuse(format_args!("{name}, line {line}: {error}"));
                    continue;
                }
            }
            if record.len() != header.len() {
                let (found, expected) = (record.len(), header.len());
                self.refuse(format_args!(
                    "{name}, line {line}: there are {found} fields, expected {expected} as in the header"
                ));
                continue;
            }
            // The same point in JSON, whose numbers may be strings: read, and refused, in one place.
            let mut fields = record.iter();
            let [metric, timestamp, value] = [(); 3].map(|()| fields.next().unwrap_or_default());
            let tags = header.iter().skip(3).zip(fields).filter(|(_, value)| !value.is_empty());
            let tags: serde_json::Map<_, _> =
                tags.map(|(key, value)| (key.to_owned(), value.into())).collect();
            let point = serde_json::json!({
                "metric": metric, "timestamp": timestamp, "value": value, "tags": tags,
            });
            self.json(name, line, point.to_string().as_bytes())?;
        }
    }

    fn json(&mut self, file: &str, line: u64, text: &[u8]) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        match points_of_line(text) {
            Ok(decoded) => {
                for refused in decoded.refused {
                    self.refuse(format_args!("{file}, line {line}: {}", refused.reason));
                }
                for point in decoded.points {
                    let series = self.store.series(point.name()).map_err(Failure::new)?;
                    self.points.push(series, point.timestamp(), point.value());
                }
            }
            Err(reason) => self.refuse(format_args!("{file}, line {line}: {reason}")),
        }
        if self.points.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.store.append(&self.points, None).map_err(Failure::new)?;
        self.progress.add(self.points.len() as u64);
        self.points.clear();
        Ok(())
    }

    fn refuse(&mut self, why: std::fmt::Arguments<'_>) {
        self.refused += 1;
        if self.refused <= SHOWN_REFUSALS {
            talk(format_args!("refused: {why}"));
        }
    }

    fn finish(&self) -> Result<(), Failure> {
        if self.refused == 0 {
            return Ok(());
        }
        if self.refused > SHOWN_REFUSALS {
            talk(format_args!("and {} more refused", self.refused - SHOWN_REFUSALS));
        }
        Err(Failure::new(format_args!("{} refused", counted(self.refused, "line"))))
    }
}
