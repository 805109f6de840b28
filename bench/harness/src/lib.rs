//! Measures two sides alternately, and prints their ratio.
//!
//! A benchmark is a binary whose `main` is [`run`]. It adds rows to a [`Table`]; a row with a goal
//! is one line on standard output, everything else goes to standard error. What it costs is
//! measured by
//!
//! * [`Effort::race`]: an operation of nanoseconds, by one thread or by several that contend,
//! * [`Effort::turns`]: an operation of microseconds to seconds that takes its own time,
//! * [`Memory`]: what something leaves allocated, and the most it has allocated at one time.
//!
//! Machines drift, by more than what is to be seen: of figures, only ratios of one run count.

mod cost;
mod crew;
mod effort;
mod machine;
mod memory;
mod race;
mod table;
mod turns;

pub use cost::Cost;
pub use effort::{Effort, Pair};
pub use memory::Memory;
pub use table::{Table, run};
pub use turns::timed;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
