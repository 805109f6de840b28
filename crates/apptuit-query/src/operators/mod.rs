//! What instructions of a plan do: one file each.

pub(crate) mod aggregate;
pub(crate) mod arithmetic;
pub(crate) mod downsample;
pub(crate) mod fetch;
pub(crate) mod filter;
pub(crate) mod percentile;
pub(crate) mod rate;
pub(crate) mod reduce;
pub(crate) mod stage;
pub(crate) mod top;

use crate::frame::Frame;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(f64),
    Frame(Frame),
}
