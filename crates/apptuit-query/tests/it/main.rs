//! The language through its public face: scripts, syntax, laws, and the recorded queries.

mod corpus;
mod laws;
mod limits;
mod naive;
mod naive_laws;
mod reference;
mod scripts;
mod source;
mod syntax;
