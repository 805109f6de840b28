//! Our query engine against others, and against what the machine can do at best.
//!
//! The peer named in a row is what its figure is measured with.

mod data;
mod frames;
mod language;
mod promql;
mod scan;

use std::process::ExitCode;

use harness::Memory;

#[global_allocator]
static MEMORY: Memory = Memory::new();

fn main() -> ExitCode {
    harness::run("query", |table| {
        language::rows(table);
        frames::rows(table);
        scan::rows(table);
    })
}
