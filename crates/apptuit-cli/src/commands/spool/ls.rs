//! `apptuit spool ls`

use std::fmt::Write;

use apptuit::reporter::{Drawer, Ledger};

use super::drawers;
use crate::args::SpoolLs;
use crate::failure::Failure;
use crate::output::{counted, print, printable, talk};

/// What waits, drawer by drawer, and what became of every point.
pub(super) fn run(args: &SpoolLs) -> Result<(), Failure> {
    let drawers = drawers(&args.directory.directory)?;
    if drawers.is_empty() {
        talk(format_args!("nothing was ever kept in `{}`", args.directory.directory.display()));
        return Ok(());
    }
    let mut text = String::new();
    for drawer in &drawers {
        let line = if args.json { json(drawer) } else { lines(drawer) };
        let _ = writeln!(text, "{line}");
    }
    if !args.json && drawers.len() > 1 {
        let sum = drawers.iter().fold(Ledger::default(), |sum, drawer| sum.plus(&drawer.ledger));
        let _ = writeln!(text, "in all\n  {sum}");
    }
    print(&text)
}

fn lines(drawer: &Drawer) -> String {
    let Drawer { path, endpoint, fingerprint, is_in_use, ledger, .. } = drawer;
    let state = if *is_in_use { "in use by a process" } else { "of no process" };
    let quarantine = match drawer.quarantined {
        0 => String::new(),
        n => format!(", {} in quarantine", counted(n, "damaged file")),
    };
    format!(
        "{}, {state}\n  for `{}` under the token of fingerprint {}\n  {} of {}, {}{quarantine}\n  {ledger}",
        printable(path.display()),
        printable(endpoint),
        printable(fingerprint),
        if drawer.batches == 1 {
            "1 batch".to_owned()
        } else {
            format!("{} batches", drawer.batches)
        },
        counted(drawer.points, "point"),
        counted(drawer.bytes, "byte"),
    )
}

fn json(drawer: &Drawer) -> String {
    let ledger = &drawer.ledger;
    let dropped: serde_json::Map<_, _> = ledger
        .drops()
        .map(|(reason, points)| (reason.as_str().to_owned(), points.into()))
        .collect();
    serde_json::json!({
        "drawer": drawer.path.display().to_string(),
        "endpoint": drawer.endpoint,
        "fingerprint": drawer.fingerprint,
        "in_use": drawer.is_in_use,
        "batches": drawer.batches,
        "points": drawer.points,
        "bytes": drawer.bytes,
        "quarantined": drawer.quarantined,
        "recorded": ledger.recorded(),
        "delivered": ledger.delivered(),
        "spooled": ledger.spooled(),
        "queued": ledger.queued(),
        "dropped": dropped,
    })
    .to_string()
}
