//! The command as its users run it, and the arrows between the crates.

mod commands;
mod kill;
mod layers;
mod operate;
mod query;
mod secrets;
mod server;
mod soak;
mod spool;
mod store;
