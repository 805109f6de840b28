//! `apptuit store delete`

use apptuit_model::{Selector, TimeRange};
use apptuit_query::{Engine, parse};
use apptuit_store::{ReadLimits, Store as _};

use super::{counted_series, open};
use crate::args::Delete;
use crate::failure::Failure;
use crate::output::{counted, print, printable, talk};

/// What is meant is listed in any case, and goes only if that was said.
pub(super) fn run(args: &Delete) -> Result<(), Failure> {
    let selector = selector(&args.query)?;
    let store = open(&args.store.file)?;
    let names = store.names(&selector).ok_or_else(|| {
        Failure::new(format_args!("there is no metric `{}`", printable(&selector.metric)))
    })?;
    for name in &names {
        print(&printable(name))?;
        print("\n")?;
    }
    if !args.yes {
        let listed = counted_series(names.len() as u64);
        // Damaged points cannot be counted, and can be deleted.
        let points = store.estimate(&selector, TimeRange::ALL, None, &ReadLimits::UNLIMITED);
        let points = points.ok().flatten();
        let points =
            points.map_or(String::new(), |found| format!(", {}", counted(found.points, "point")));
        talk(format_args!("{listed}{points}: nothing is deleted without --yes"));
        return Ok(());
    }
    let deleted = store.delete(&selector).map_err(Failure::new)?;
    store.close().map_err(Failure::new)?;
    let deleted = counted_series(deleted as u64);
    talk(format_args!("{deleted} deleted; `apptuit store compact` gives their room to the disk"));
    Ok(())
}

/// The series that a query fetches and filters.
fn selector(query: &str) -> Result<Selector, Failure> {
    let plan = parse(query).and_then(|query| Engine::default().plan(&query));
    let plan = plan.map_err(Failure::new)?;
    plan.selector().cloned().ok_or_else(|| {
        Failure::new(format_args!("`{query}` does more than to choose series"))
            .hint("expected `fetch('metric')` and any number of `.tag_filter('key==value')`")
    })
}
