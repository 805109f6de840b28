//! The language through its public face: scripts, syntax, laws, and the recorded queries.

mod complete;
mod corpus;
mod laws;
mod limits;
mod reference;
mod scripts;
mod source;
mod syntax;
