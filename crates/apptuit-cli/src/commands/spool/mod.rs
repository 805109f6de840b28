//! `apptuit spool`: look at, check and empty the directory where reporters keep what they could not
//! deliver.

mod drain;
mod ls;
mod verify;

use apptuit::reporter::{Drawer, SpoolDirectory};

use crate::args::{Spool, SpoolCommand};
use crate::failure::Failure;

pub(crate) fn run(args: &Spool) -> Result<(), Failure> {
    match &args.command {
        SpoolCommand::Ls(args) => ls::run(args),
        SpoolCommand::Verify(args) => verify::run(args),
        SpoolCommand::Drain(args) => drain::run(args),
    }
}

/// The drawers of a directory, which must be one.
fn drawers(directory: &std::path::Path) -> Result<Vec<Drawer>, Failure> {
    SpoolDirectory::new(directory).drawers().map_err(Failure::new)
}
