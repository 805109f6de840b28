//! `apptuit spool drain`

use apptuit::reporter::SpoolDirectory;

use super::super::{client_of, duration, explain};
use crate::args::SpoolDrain;
use crate::failure::Failure;
use crate::output::{counted, talk};

/// Sends what waits for one server under one token.
pub(super) fn run(args: &SpoolDrain) -> Result<(), Failure> {
    let client = client_of(&args.target)?.build().map_err(Failure::new)?;
    let spool = SpoolDirectory::new(&args.directory.directory);
    // That there is such a directory.
    spool.drawers().map_err(Failure::new)?;
    let drained = spool
        .drain(&client, duration(args.timeout), |error| talk(format_args!("{error}")))
        .map_err(|error| explain(&error, &args.target))?;
    talk(format_args!("{} stored", counted(drained.delivered, "point")));
    if drained.in_use > 0 {
        let drawers = counted(drained.in_use, "drawer");
        talk(format_args!("{drawers} in use by a process, which sends what is in there itself"));
    }
    let lost =
        (drained.dropped > 0).then(|| format!("{} dropped", counted(drained.dropped, "point")));
    let left = (drained.left > 0).then(|| format!("{} left", counted(drained.left, "point")));
    let failed: Vec<_> = lost.into_iter().chain(left).collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join(", "))) }
}
