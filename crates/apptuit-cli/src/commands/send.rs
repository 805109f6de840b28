//! `apptuit send`

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use apptuit::{Client, DataPoint, ErrorKind, Sanitizer};
use apptuit_model::limits::BATCH_POINTS;

use super::{client_of, explain, points_of_line};
use crate::args::{Sanitize, Send, Target};
use crate::failure::Failure;
use crate::output::{counted, talk};

/// Refusals shown one by one; the rest is only counted.
const SHOWN_REFUSALS: u64 = 10;

/// Sends what it reads, and says which lines were refused and why.
pub(crate) fn run(args: &Send) -> Result<(), Failure> {
    let sanitizer = match args.sanitize {
        Sanitize::Prometheus => Sanitizer::Prometheus,
        Sanitize::Apptuit => Sanitizer::Apptuit,
        Sanitize::Off => Sanitizer::Off,
    };
    let client = args
        .tags
        .iter()
        .fold(client_of(&args.target)?, |builder, (key, value)| {
            builder.global_tag(key.as_str(), value.as_str())
        })
        .sanitizer(sanitizer)
        .build()
        .map_err(Failure::new)?;
    let mut sender = Sender {
        client,
        target: &args.target,
        batch: Vec::new(),
        origins: Vec::new(),
        sent: 0,
        refused: 0,
        lacks_tags: false,
    };
    let standard_input = [Path::new("-").to_path_buf()];
    let files = if args.files.is_empty() { &standard_input } else { args.files.as_slice() };
    for file in files {
        sender.read(file)?;
    }
    sender.flush()?;
    sender.finish()
}

struct Sender<'a> {
    client: Client,
    target: &'a Target,
    batch: Vec<DataPoint>,
    /// Where each point of the batch was read: its file and line.
    origins: Vec<(usize, String)>,
    sent: u64,
    refused: u64,
    /// Whether a point was refused because it has no tags.
    lacks_tags: bool,
}

impl Sender<'_> {
    fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let name = if file == Path::new("-") {
            "standard input".to_owned()
        } else {
            file.display().to_string()
        };
        let opened: io::Result<Box<dyn BufRead>> = if file == Path::new("-") {
            Ok(Box::new(io::stdin().lock()))
        } else {
            File::open(file).map(|file| Box::new(BufReader::new(file)) as _)
        };
        let read = opened.and_then(|mut reader| self.read_lines(&name, &mut *reader));
        match read {
            Ok(outcome) => outcome,
            Err(error) => {
                // What was read before is good, and is not held back.
                self.flush()?;
                self.say_stored();
                Err(Failure::new(format_args!("cannot read `{name}`: {error}")))
            }
        }
    }

    fn read_lines(
        &mut self,
        file: &str,
        reader: &mut dyn BufRead,
    ) -> io::Result<Result<(), Failure>> {
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            if reader.read_until(b'\n', &mut text)? == 0 {
                break;
            }
            if let Err(failure) = self.read_line(file, line, text.trim_ascii()) {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    fn read_line(&mut self, file: &str, line: usize, text: &[u8]) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        match points_of_line(text) {
            Ok(decoded) => {
                for refused in decoded.refused {
                    self.refuse(format_args!("{file}, line {line}: {}", refused.reason));
                }
                for point in decoded.points {
                    self.batch.push(point);
                    self.origins.push((line, file.to_owned()));
                }
            }
            Err(reason) => self.refuse(format_args!("{file}, line {line}: {reason}")),
        }
        if self.batch.len() >= BATCH_POINTS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        let origins = std::mem::take(&mut self.origins);
        let points = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        match self.client.send(&batch) {
            Ok(()) => self.sent += points,
            Err(error) if error.kind() == ErrorKind::Rejected => {
                for rejection in error.rejected() {
                    let origin = rejection.index().and_then(|index| origins.get(index));
                    let reason = rejection.reason();
                    match origin {
                        Some((line, file)) => {
                            self.refuse(format_args!("{file}, line {line}: {reason}"));
                        }
                        None => self.refuse(format_args!("{}: {reason}", rejection.name())),
                    }
                }
                self.sent += error.succeeded();
                let named = u64::try_from(error.rejected().len()).unwrap_or(u64::MAX);
                let unnamed = points.saturating_sub(error.succeeded() + named);
                if unnamed > 0 {
                    self.refuse(format_args!("{error}"));
                    self.refused += unnamed - 1;
                }
            }
            Err(error) => {
                self.say_stored();
                return Err(explain(&error, self.target));
            }
        }
        Ok(())
    }

    fn say_stored(&self) {
        talk(format_args!("{} stored", counted(self.sent, "point")));
    }

    fn refuse(&mut self, why: std::fmt::Arguments<'_>) {
        self.refused += 1;
        self.lacks_tags |= why.to_string().contains("has no tags");
        if self.refused <= SHOWN_REFUSALS {
            talk(format_args!("refused: {why}"));
        }
    }

    fn finish(&self) -> Result<(), Failure> {
        self.say_stored();
        if self.refused == 0 {
            return Ok(());
        }
        if self.refused > SHOWN_REFUSALS {
            talk(format_args!("and {} more refused", self.refused - SHOWN_REFUSALS));
        }
        let what = counted(self.refused, "point or line");
        let failure = Failure::new(format_args!("{what} refused"));
        Err(if self.lacks_tags {
            failure.hint("--tag KEY=VALUE gives a tag to every point that lacks it")
        } else {
            failure
        })
    }
}
