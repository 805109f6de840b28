//! One instrument on its way into the text: cleaned name, rendered labels, description.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apptuit_model::{Sanitizer, TimeSeriesName};

use crate::{Description, Kind};

/// What every family of one instrument has in common.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) kind: Kind,
    /// The cleaned metric, without `_total` if that is said by the type.
    pub(super) base: String,
    /// `city="blr",kind="new"`, or nothing.
    pub(super) labels: String,
    pub(super) help: String,
    unit: Option<String>,
    only_grows: bool,
}

impl Series {
    pub(super) fn new(name: &TimeSeriesName, kind: Kind, description: &Description) -> Self {
        let mut base = clean(name.metric());
        let is_total = base.len() > TOTAL.len() && base.ends_with(TOTAL);
        let only_grows = description.grows() || is_total;
        if is_total && matches!(kind, Kind::Counter | Kind::Meter) {
            base.truncate(base.len() - TOTAL.len());
        }
        let help = match description.text_of() {
            Some(text) => text.to_owned(),
            None => format!("The {kind} {}", name.metric()),
        };
        let unit = description.unit_of().map(clean).filter(|unit| !unit.is_empty());
        Self { kind, base, labels: labels(name, kind), help, unit, only_grows }
    }

    pub(super) fn only_grows(&self) -> bool {
        self.only_grows
    }

    pub(super) fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }
}

const TOTAL: &str = "_total";

fn clean(text: &str) -> String {
    Sanitizer::Prometheus.clean(text).into_owned()
}

fn labels(name: &TimeSeriesName, kind: Kind) -> String {
    let is_summary = matches!(kind, Kind::Histogram | Kind::Timer);
    // Where cleaning makes two keys one, the later wins, as in what a client sends.
    let mut cleaned = BTreeMap::new();
    for (key, value) in name.tags().iter().filter(|(key, _)| !key.is_empty()) {
        let key = clean(key);
        let is_reserved = is_summary && key == "quantile";
        cleaned.insert(if is_reserved { "exported_quantile".to_owned() } else { key }, value);
    }
    let mut labels = String::new();
    for (key, value) in cleaned {
        push_label(&mut labels, &key, value);
    }
    labels
}

/// Appends `key="value"`, with a comma between it and what is there.
pub(super) fn push_label(labels: &mut String, key: &str, value: &str) {
    if !labels.is_empty() {
        labels.push(',');
    }
    let value = escaped(value).replace('"', "\\\"");
    // Writing to a string cannot fail.
    let _ = write!(labels, "{key}=\"{value}\"");
}

/// Backslashes and line ends, which every quoted or unquoted text has to hide.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
