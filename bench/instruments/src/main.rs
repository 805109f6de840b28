//! Our instruments against those of others, and against what the machine can do at best.
//!
//! The peer named in a row is what its figure is measured with; `docs/reference` has the table.

mod by_name;
mod counters;
mod curves;
mod memory;
mod names;
mod rates;
mod snapshots;
mod values;

use std::process::ExitCode;

use harness::Memory;

#[global_allocator]
static MEMORY: Memory = Memory::new();

fn main() -> ExitCode {
    harness::run("instruments", |table| {
        // First of all, while nothing that was given back can be used again; printed at its place.
        let memory = memory::Figures::taken(table);
        counters::rows(table);
        by_name::rows(table);
        values::histograms(table);
        rates::rows(table);
        values::timers(table);
        snapshots::rows(table);
        memory.rows(table);
        curves::rows(table);
    })
}
