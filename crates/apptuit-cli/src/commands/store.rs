//! `apptuit store`

mod delete;
mod export;
mod import;

use std::path::Path;

use apptuit_store::{EmbeddedStore, Store as _, StoreError, StoreOptions};

use crate::args::{Store, StoreFile};
use crate::failure::Failure;
use crate::output::{counted, print, printable, talk};

/// After so many points it is said how far the work has come.
const PROGRESS: u64 = 1_000_000;

pub(crate) fn run(args: &Store) -> Result<(), Failure> {
    match args {
        Store::Check(store) => check(store),
        Store::Compact(store) => compact(store),
        Store::Export(args) => export::run(args),
        Store::Import(args) => import::run(args),
        Store::Delete(args) => delete::run(args),
        Store::Backup { store, copy } => backup(store, copy),
    }
}

fn check(args: &StoreFile) -> Result<(), Failure> {
    must_exist(&args.file)?;
    let check = apptuit_store::check(&args.file).map_err(|error| explain(&error))?;
    for finding in &check.findings {
        print(&printable(format_args!("{finding}")))?;
        print("\n")?;
    }
    if check.is_sound() {
        let (batches, chunks) = (counted(check.batches, "row"), counted(check.chunks, "chunk"));
        let (points, series) = (counted(check.points, "point"), counted_series(check.series));
        talk(format_args!("sound: {series}, {points} in {chunks}, {batches} of newer points"));
        return Ok(());
    }
    let found = counted(check.findings.len() as u64, "thing");
    Err(Failure::new(format_args!("`{}` is damaged: {found} found", args.file.display()))
        .hint("`apptuit store export` saves what can be read; a backup from before has more"))
}

fn backup(args: &StoreFile, copy: &Path) -> Result<(), Failure> {
    must_exist(&args.file)?;
    apptuit_store::backup(&args.file, copy).map_err(|error| explain(&error))?;
    talk(format_args!("copied to `{}`, {} bytes", copy.display(), bytes_of(copy)));
    Ok(())
}

fn compact(args: &StoreFile) -> Result<(), Failure> {
    let before = bytes_of(&args.file);
    let store = open(&args.file)?;
    store.compact().map_err(Failure::new)?;
    store.close().map_err(Failure::new)?;
    let stats = store.stats();
    let (points, series) = (counted(stats.points, "point"), counted_series(stats.series));
    talk(format_args!("{points} of {series}: {before} bytes before, {} now", bytes_of(&args.file)));
    Ok(())
}

/// Opens a store that is there, for this process alone.
fn open(file: &Path) -> Result<EmbeddedStore, Failure> {
    must_exist(file)?;
    EmbeddedStore::open(file, StoreOptions::default()).map_err(|error| explain(&error))
}

/// A store that is missing is not made, as a server would.
fn must_exist(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    if file.is_dir() {
        return Err(Failure::new(format_args!("`{shown}` is a folder, expected a store's file"))
            .hint(format_args!(
                "without tokens a server keeps its points in `{}`",
                file.join("default.sqlite").display()
            )));
    }
    if file.exists() {
        return Ok(());
    }
    Err(Failure::new(format_args!("there is no store `{shown}`")))
}

fn explain(error: &StoreError) -> Failure {
    let failure = Failure::new(error);
    match error {
        StoreError::InUse { .. } => failure.hint(
            "stop the server that has it open; `apptuit store backup` needs no stop, and its copy \
             can be checked and exported",
        ),
        _ => failure,
    }
}

/// The size of a store's file, with what is beside it while it is open.
fn bytes_of(file: &Path) -> u64 {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        std::fs::metadata(name).map_or(0, |metadata| metadata.len())
    };
    beside("") + beside("-wal")
}

fn counted_series(n: u64) -> String {
    format!("{n} series")
}

/// Says how far the work has come, now and then.
#[derive(Debug, Default)]
struct Progress {
    points: u64,
}

impl Progress {
    fn add(&mut self, points: u64) {
        let before = self.points;
        self.points += points;
        if self.points / PROGRESS > before / PROGRESS {
            talk(format_args!("{} so far …", counted(self.points, "point")));
        }
    }
}
