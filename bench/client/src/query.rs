//! Answers to queries, on their way in.

use harness::Table;

pub(crate) fn rows(_table: &mut Table) {}
