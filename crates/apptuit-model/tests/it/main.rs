//! Names and bodies against the fixtures that Rust and Python share, and against laws.

mod columns;
mod fixtures;
mod laws;
mod names;
mod put;
mod query;
