//! Our server with its store against VictoriaMetrics: both over HTTP, on this machine, in turn.
//!
//! `scripts/bench store` builds ours. A run sends points whose bodies were built before, so that
//! the client takes little from the servers; it checks what both answer.

mod caller;
mod hostile;
mod http;
mod ingest;
mod kept;
mod lab;
mod load;
mod questions;
mod sending;
mod server;
mod truth;

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::run("store", |table| {
        let lab = lab::Lab::new(table.is_quick());
        let ingest = ingest::Figures::taken(table, &lab);
        ingest.first_rows(table);
        ingest::small_requests(table, &lab);
        kept::sizes(table, &lab);
        ingest.memory_row(table);
        ingest::many_series(table, &lab);
        kept::restart(table, &lab);
        kept::queries(table, &lab);
        truth::rows(table, &lab);
        ingest::curves(table, &lab);
        ingest::while_busy(table, &lab);
        hostile::latencies(table, &lab);
    })
}
