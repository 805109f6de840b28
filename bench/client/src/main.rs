//! Our client and reporter against other ways to do the same.
//!
//! The peer named in a row is what its figure is measured with.

mod loopback;
mod query;
mod report;
mod send;

use std::process::ExitCode;

use harness::Memory;

#[global_allocator]
static MEMORY: Memory = Memory::new();

fn main() -> ExitCode {
    harness::run("client", |table| {
        send::rows(table);
        query::rows(table);
        report::rows(table);
    })
}
