//! The embedded store through its public face.

mod ahead;
mod check;
mod concurrency;
mod damage;
mod faults;
mod format;
mod fuzz;
mod key;
mod kill;
mod maintenance;
mod model;
mod poison;
mod read;
mod reopen;
mod scan;
mod trouble;
mod upgrade;

use std::fs::DirEntry;
use std::path::Path;

use apptuit_model::{DataPoint, Selector, TimeRange, TimeSeries, TimeSeriesName, Timestamp};
use apptuit_store::{EmbeddedStore, ReadLimits, Store, StoreError, StoreOptions};

fn open(file: &Path) -> EmbeddedStore {
    try_open(file).expect("the file can be opened")
}

fn try_open(file: &Path) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open(file, StoreOptions::default())
}

/// `metric{host:HOST}` at a time in milliseconds.
fn point(metric: &str, host: &str, millis: i64, value: f64) -> DataPoint {
    let name = TimeSeriesName::from((metric, [("host", host)]));
    DataPoint::new(name, Timestamp::from_millis(millis), value)
}

/// All points of a metric, by name; empty if it was never kept.
fn all(store: &dyn Store, metric: &str) -> Vec<TimeSeries> {
    let selector = Selector::metric(metric);
    let found = store.select(&selector, TimeRange::ALL, &ReadLimits::UNLIMITED);
    let mut found = found.expect("reading needs no disk").unwrap_or_default();
    found.sort_by(|a, b| a.name().cmp(b.name()));
    found
}

/// The names of what is in a folder, in order.
fn files(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("the folder is there");
    let name = |entry: DirEntry| entry.file_name().into_string().expect("the names are ASCII");
    let mut files: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    files.sort();
    files
}
