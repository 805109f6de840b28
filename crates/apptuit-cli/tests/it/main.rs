//! The command as its users run it, and the arrows between the crates.

mod commands;
mod kill;
mod layers;
mod query;
mod secrets;
mod server;
mod spool;
mod store;
