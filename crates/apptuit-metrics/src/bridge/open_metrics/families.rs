//! Families of one name each, and how they are written.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::Format;
use super::series::{Series, escaped, push_label};
use crate::Kind;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Summary,
}

impl Type {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Summary => "summary",
        }
    }

    /// What is put behind the name of a family in its lines, or may be by a reader.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", "_total", "_created"],
            Self::Gauge => &[""],
            Self::Summary => &["", "_sum", "_count", "_created"],
        }
    }
}

/// One of the families that an instrument becomes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    of: Type,
    /// Behind the name of the instrument; empty for its main family.
    word: &'a str,
    unit: Option<&'a str>,
    note: &'a str,
}

impl<'a> Part<'a> {
    pub(super) fn counter(unit: Option<&'a str>) -> Self {
        Self { of: Type::Counter, word: "", unit, note: "" }
    }

    pub(super) fn gauge(word: &'a str, unit: Option<&'a str>) -> Self {
        Self { of: Type::Gauge, word, unit, note: "" }
    }

    pub(super) fn summary(unit: Option<&'a str>) -> Self {
        Self { of: Type::Summary, word: "", unit, note: "" }
    }

    pub(super) fn noted(self, note: &'a str) -> Self {
        Self { note, ..self }
    }

    /// `base`, word and unit; a unit that `base` has already is moved to the end.
    fn name(&self, base: &str) -> String {
        let mut words = vec![base];
        if let Some(unit) = self.unit {
            let bare = base.strip_suffix(unit).and_then(|bare| bare.strip_suffix('_'));
            words[0] = bare.filter(|bare| !bare.is_empty()).unwrap_or(base);
        }
        words.extend([self.word].iter().filter(|word| !word.is_empty()));
        words.extend(self.unit.filter(|unit| words != [*unit]));
        words.join("_")
    }
}

/// A line of a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) suffix: &'static str,
    pub(super) quantile: Option<&'static str>,
    pub(super) value: f64,
}

impl Line {
    pub(super) fn of(value: f64) -> Self {
        Self { suffix: "", quantile: None, value }
    }
}

#[derive(Debug)]
struct Family {
    of: Type,
    /// Whose family it is: other kinds of instruments do not get in.
    kind: Kind,
    unit: Option<String>,
    help: String,
    have: HashSet<String>,
    lines: Vec<(String, Line)>,
}

/// Families by name, and what found no place in them.
#[derive(Debug, Default)]
pub(super) struct Families {
    by_name: BTreeMap<String, Family>,
    /// Names of families and lines.
    taken: HashSet<String>,
    left_out: BTreeMap<&'static str, u64>,
    refused: BTreeMap<String, u64>,
}

impl Families {
    /// Adds lines to the family of this part of an instrument.
    pub(super) fn add(
        &mut self,
        series: &Series,
        part: Part<'_>,
        lines: impl IntoIterator<Item = Line>,
    ) {
        let mut name = part.name(&series.base);
        if !self.admits(&name, series.kind, &part) {
            name = part.name(&format!("{}_{}", series.base, series.kind));
            if !self.admits(&name, series.kind, &part) {
                return self.leave_out("duplicate");
            }
        }
        let taken = &mut self.taken;
        let family = self.by_name.entry(name).or_insert_with_key(|name| {
            taken.extend(part.of.suffixes().iter().map(|suffix| format!("{name}{suffix}")));
            Family {
                of: part.of,
                kind: series.kind,
                unit: part.unit.map(str::to_owned),
                help: help(&series.help, part.note),
                have: HashSet::new(),
                lines: Vec::new(),
            }
        });
        if family.have.insert(series.labels.clone()) {
            family.lines.extend(lines.into_iter().map(|line| (series.labels.clone(), line)));
        } else {
            self.leave_out("duplicate");
        }
    }

    /// Whether a part may have this name: nobody has, or others of its kind.
    fn admits(&self, name: &str, kind: Kind, part: &Part<'_>) -> bool {
        if let Some(have) = self.by_name.get(name) {
            return (have.of, have.kind) == (part.of, kind);
        }
        part.of.suffixes().iter().all(|suffix| !self.taken.contains(&format!("{name}{suffix}")))
    }

    /// Counts something that cannot be shown.
    pub(super) fn leave_out(&mut self, reason: &'static str) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    /// Counts values that an instrument refused.
    pub(super) fn refuse(&mut self, metric: &str, values: u64) {
        if values > 0 {
            *self.refused.entry(metric.to_owned()).or_default() += values;
        }
    }

    /// Adds the families about what is not there.
    pub(super) fn finish(mut self) -> Self {
        let refused = std::mem::take(&mut self.refused);
        let lines =
            refused.into_iter().map(|(metric, values)| ("metric", metric, values)).collect();
        let help = "Values that instruments refused, by metric.";
        self.add_own(Type::Counter, "apptuit_refused_values", help, lines);
        let left_out = std::mem::take(&mut self.left_out);
        let lines = left_out.into_iter().map(|(why, n)| ("reason", why.to_owned(), n)).collect();
        let help = "Series that are not shown here, by reason.";
        self.add_own(Type::Gauge, "apptuit_left_out_series", help, lines);
        self
    }

    fn add_own(&mut self, of: Type, name: &str, help: &str, values: Vec<(&str, String, u64)>) {
        if values.is_empty() || self.taken.contains(name) {
            return;
        }
        let lines = values.into_iter().map(|(key, value, n)| {
            let mut labels = String::new();
            push_label(&mut labels, key, &value);
            (labels, Line::of(n as f64))
        });
        let family = Family {
            of,
            kind: Kind::Counter,
            unit: None,
            help: help.to_owned(),
            have: HashSet::new(),
            lines: lines.collect(),
        };
        self.by_name.insert(name.to_owned(), family);
    }

    pub(super) fn write(&self, format: Format) -> String {
        let mut text = String::new();
        for (name, family) in &self.by_name {
            family.write(name, format, &mut text);
        }
        if format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }
}

impl Family {
    /// Appends the family. Writing to a string cannot fail.
    fn write(&self, name: &str, format: Format, text: &mut String) {
        // Prometheus calls a counter by the name of its lines, OpenMetrics by that of its family.
        let of_lines = if self.of == Type::Counter { "_total" } else { "" };
        let of_family = if format == Format::Prometheus { of_lines } else { "" };
        let _ = writeln!(text, "# TYPE {name}{of_family} {}", self.of.word());
        if let (Format::OpenMetrics, Some(unit)) = (format, &self.unit) {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let help = match format {
            Format::Prometheus => escaped(&self.help),
            Format::OpenMetrics => escaped(&self.help).replace('"', "\\\""),
        };
        let _ = writeln!(text, "# HELP {name}{of_family} {help}");
        for (labels, line) in &self.lines {
            let is_negative_sum = line.suffix == "_sum" && line.value < 0.0;
            if format == Format::OpenMetrics && is_negative_sum {
                continue; // OpenMetrics has no such thing: a sum is a counter to it.
            }
            let _ = write!(text, "{name}{of_lines}{}", line.suffix);
            push_labels(text, labels, line.quantile);
            let _ = writeln!(text, " {}", Number(line.value));
        }
    }
}

fn help(text: &str, note: &str) -> String {
    let text = text.trim_end_matches('.');
    if note.is_empty() { format!("{text}.") } else { format!("{text} ({note}).") }
}

fn push_labels(text: &mut String, labels: &str, quantile: Option<&str>) {
    let mut labels = labels.to_owned();
    if let Some(quantile) = quantile {
        push_label(&mut labels, "quantile", quantile);
    }
    if !labels.is_empty() {
        let _ = write!(text, "{{{labels}}}");
    }
}

/// A number as both formats write it.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number}"),
        }
    }
}
