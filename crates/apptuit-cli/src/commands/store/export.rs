//! `apptuit store export`

use std::fmt::Write as _;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;

use apptuit_model::wire::timestamp_text;
use apptuit_model::{Selector, TimeRange, TimeSeriesName, Timestamp};
use apptuit_store::{EmbeddedStore, Piece, ReadLimits, Store as _, StoreError, Suggest};

use super::{Progress, counted_series, open};
use crate::args::{Export, PointFormat};
use crate::failure::Failure;
use crate::output::{counted, instant, printable, talk};

/// Series of a metric follow each other, points of a series in time: every value as it was put.
pub(super) fn run(args: &Export) -> Result<(), Failure> {
    let time = |text: &Option<String>, missing| text.as_deref().map_or(Ok(missing), instant);
    let range =
        TimeRange::new(time(&args.start, Timestamp::MIN)?, time(&args.end, Timestamp::MAX)?);
    let store = open(&args.store.file)?;
    let metrics = if args.metrics.is_empty() {
        store.suggest(Suggest::Metrics, "", usize::MAX).map_err(Failure::new)?
    } else {
        args.metrics.clone()
    };
    let keys = match args.format {
        PointFormat::Jsonl => Vec::new(),
        PointFormat::Csv => keys(&store, &metrics, args.metrics.is_empty())?,
    };
    let mut exporter = Exporter {
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
        format: args.format,
        keys,
        line: String::new(),
        progress: Progress::default(),
        series: 0,
        not_finite: 0,
        damaged: 0,
    };
    let written = exporter.begin().map_err(Stop::Output).and_then(|()| {
        metrics.iter().try_for_each(|metric| exporter.metric(&store, metric, range))
    });
    match written.and_then(|()| exporter.out.flush().map_err(Stop::Output)) {
        Ok(()) => exporter.finish(),
        // A closed pipe is a reader who has seen enough, and no failure.
        Err(Stop::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Output(error)) => {
            Err(Failure::new(format_args!("writing the output failed: {error}")))
        }
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// The keys of all tags: the columns that follow the first three.
fn keys(store: &EmbeddedStore, metrics: &[String], all: bool) -> Result<Vec<String>, Failure> {
    let suggest = |metric| store.suggest(Suggest::TagKeys(metric), "", usize::MAX);
    if all {
        return suggest(None).map_err(Failure::new);
    }
    let mut keys = Vec::new();
    for metric in metrics {
        keys.extend(suggest(Some(metric)).map_err(Failure::new)?);
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// Why an export ends early.
enum Stop {
    Output(io::Error),
    Failed(Failure),
}

struct Exporter<W: Write> {
    out: W,
    format: PointFormat,
    keys: Vec<String>,
    line: String,
    progress: Progress,
    series: u64,
    /// Neither format has a form for these, and no server takes them.
    not_finite: u64,
    /// Series that cannot be read, or not to their end.
    damaged: u64,
}

impl<W: Write> Exporter<W> {
    fn begin(&mut self) -> io::Result<()> {
        if self.format == PointFormat::Jsonl {
            return Ok(());
        }
        let header = ["metric", "timestamp", "value"].into_iter();
        let header = header.chain(self.keys.iter().map(String::as_str));
        self.out.write_all(&record(header))
    }

    fn metric(
        &mut self,
        store: &EmbeddedStore,
        metric: &str,
        range: TimeRange,
    ) -> Result<(), Stop> {
        let failed = |error| Stop::Failed(Failure::new(error));
        let scan = store.scan(&Selector::metric(metric), range, &ReadLimits::UNLIMITED);
        let Some(scan) = scan.map_err(failed)? else {
            return Err(Stop::Failed(Failure::new(format_args!("there is no metric `{metric}`"))));
        };
        for series in 0..scan.series() {
            let (before, after) = self.around(scan.name(series));
            let (mut written, mut points) = (Ok(()), 0);
            let mut take = |piece: Piece<'_>| {
                let Piece::Points(times, values) = piece else {
                    unreachable!("summaries come only where there is a step")
                };
                points += times.len() as u64;
                for (time, value) in times.iter().zip(values) {
                    if let Err(error) = self.point(&before, *time, *value, &after) {
                        written = Err(Stop::Output(error));
                        return ControlFlow::Break(());
                    }
                }
                self.progress.add(times.len() as u64);
                ControlFlow::Continue(())
            };
            match scan.read(series, None, &mut take) {
                // The other series can be read nevertheless.
                Err(error @ StoreError::Corrupt { .. }) => {
                    talk(format_args!("left out, of `{}`: {error}", printable(scan.name(series))));
                    self.damaged += 1;
                }
                outcome => outcome.map_err(failed)?,
            }
            written?;
            self.series += u64::from(points > 0);
        }
        Ok(())
    }

    /// What stands before the timestamp, and after the value, in each line of a series.
    fn around(&self, name: &TimeSeriesName) -> (String, String) {
        match self.format {
            PointFormat::Jsonl => {
                let metric = serde_json::Value::from(name.metric());
                let tags: serde_json::Map<_, _> =
                    name.tags().iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
                let tags = serde_json::Value::from(tags);
                (format!(r#"{{"metric":{metric},"tags":{tags},"timestamp":"#), "}\n".to_owned())
            }
            PointFormat::Csv => {
                let text = |bytes| String::from_utf8(bytes).expect("made of text");
                let mut metric = text(record([name.metric()].into_iter()));
                metric.truncate(metric.trim_end().len());
                let values = self.keys.iter().map(|key| name.tags().get(key).unwrap_or_default());
                let tags =
                    if self.keys.is_empty() { "\n".to_owned() } else { text(record(values)) };
                let comma = if self.keys.is_empty() { "" } else { "," };
                (format!("{metric},"), format!("{comma}{tags}"))
            }
        }
    }

    fn point(&mut self, before: &str, time: Timestamp, value: f64, after: &str) -> io::Result<()> {
        if !value.is_finite() {
            self.not_finite += 1;
            return Ok(());
        }
        let between = if self.format == PointFormat::Csv { "," } else { r#","value":"# };
        self.line.clear();
        // The shortest text that is read as the same bits. Writing to a string cannot fail.
        let _ = write!(self.line, "{before}{}{between}{value:?}{after}", timestamp_text(time));
        self.out.write_all(self.line.as_bytes())
    }

    fn finish(&self) -> Result<(), Failure> {
        let points = counted(self.progress.points - self.not_finite, "point");
        talk(format_args!("{points} of {} exported", counted_series(self.series)));
        if self.damaged > 0 {
            let damaged = counted_series(self.damaged);
            return Err(Failure::new(format_args!("{damaged} could not be read whole")));
        }
        if self.not_finite > 0 {
            let left_out = counted(self.not_finite, "point");
            return Err(Failure::new(format_args!("{left_out} left out: no finite numbers")));
        }
        Ok(())
    }
}

/// A line of CSV.
fn record<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields).expect("memory takes all");
    writer.into_inner().expect("memory takes all")
}
