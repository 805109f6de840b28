//! The `apptuit` command: serve, send, query, spool, store, demo.
//!
//! Data goes to standard output, talk to standard error. The exit code is 0 when done, 1 when
//! something failed, 2 when the command line made no sense.

mod args;
mod commands;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

/// Bodies of points are many small strings; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(args) => commands::serve::run(*args),
        Command::Send(args) => commands::send::run(&args),
        Command::Query(args) => commands::query::run(&args),
        Command::Spool(args) => commands::spool::run(&args),
        Command::Store(args) => commands::store::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
