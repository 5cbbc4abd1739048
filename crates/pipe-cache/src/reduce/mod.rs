//! Reductions. Those of floats are done in the lanes that [`LANES`](pipe_core::kernel::LANES) fixes: registers of any width hold them, so every level gives the same bits.
//!
//! A plain loop over an array of running sums is not kept in registers by the compiler, which costs a factor of four. So these are written on
//! vectors.

mod compensated;
mod dot;
mod integers;
mod lanes;
mod min_max;
mod moments;
mod sum;

pub(crate) use compensated::compensated_in_lanes;
pub(crate) use dot::dot_in_lanes;
pub(crate) use integers::{extremes, sum_in};
pub(crate) use lanes::Lanes;
pub(crate) use min_max::extremes_in_lanes;
pub(crate) use moments::moments_in_lanes;
pub(crate) use sum::{sum_in_lanes, sum_of_parts};
