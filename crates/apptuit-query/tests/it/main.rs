//! The language through its public face: scripts, syntax, laws, and the recorded queries.

mod complete;
mod corpus;
mod fuzz;
mod laws;
mod limits;
mod naive;
mod naive_laws;
mod promql;
mod ranges;
mod reader;
mod reference;
mod scripts;
mod source;
mod syntax;
