//! Numbers in blocks, and the steps over them.
//!
//! Cheap numbers travel as slices: the item is a block, lent by its batch (`&[f32]`, from [`Blocks`]) or owned (`Vec<f32>`), and a kernel
//! is an ordinary step over blocks. What it computes is *data*, a [`Program`]; who computes it is a [`Runner`] that the executor hands in:
//! [`Scalar`] here, tiled and on a device elsewhere. So the same pipeline runs on each of them.

mod blocks;
mod program;
mod runner;
mod scalar;
mod step;

pub use blocks::{BlockBatch, Blocks};
pub use program::{Op, Program};
pub use runner::{KernelWorker, Number, Runner};
pub use scalar::Scalar;
pub use step::KernelStep;
