//! `apptuit spool verify`

use std::fmt::Write;

use super::drawers;
use crate::args::SpoolDir;
use crate::failure::Failure;
use crate::output::{counted, print, printable, talk};

/// Reads every file, and names those that could not be sent.
pub(super) fn run(args: &SpoolDir) -> Result<(), Failure> {
    let (mut text, mut damaged, mut lost, mut files) = (String::new(), 0, 0, 0);
    for drawer in drawers(&args.directory)? {
        files += drawer.batches;
        for file in drawer.verify().map_err(Failure::new)? {
            damaged += 1;
            lost += file.points;
            let path = printable(file.path.display());
            let _ = writeln!(text, "{path} {}, {}", file.what, counted(file.points, "point"));
        }
    }
    print(&text)?;
    if damaged > 0 {
        let failure = Failure::new(format_args!(
            "{} of {files} cannot be sent, with {}",
            counted(damaged, "file"),
            counted(lost, "point")
        ));
        return Err(failure.hint("what is damaged is put into `quarantine` when its turn comes"));
    }
    talk(format_args!("all of {} can be sent", counted(files, "file")));
    Ok(())
}
