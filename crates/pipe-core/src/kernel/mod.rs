//! Numbers in blocks, and the steps over them.
//!
//! Cheap numbers travel as slices: the item is a block, lent by its batch (`&[f32]`, from [`Blocks`]) or owned (`Vec<f32>`), and a kernel
//! is an ordinary step over blocks. What it computes is *data*: a [`Program`] makes of each number another one (a [`PairProgram`] of two columns one),
//! [`Retain`] keeps some, a [`Kernel`] makes of a block another one, a [`Reduction`] makes of all of them one. It is computed by a [`Runner`] that the executor hands in: [`Scalar`] here, tiled and on a device elsewhere. So the same
//! pipeline runs on each of them.
//!
//! Every runner gives the same: bit for bit, with `exp`, `log`, `tanh`, `sigmoid` and `pow` of floats as the only exceptions, which are
//! within a bound that [`FloatOp`] tells.

mod blocks;
mod cast;
mod fir;
mod gather;
mod grey;
mod number;
mod op;
mod pair;
mod prefix_sum;
mod program;
mod reduce;
mod retain;
mod runner;
mod scalar;
mod stencil;
mod step;
mod transform;
mod window_sums;
mod with_kernels;

pub use blocks::{BlockBatch, Blocks};
pub use cast::{Cast, FromNumber};
pub use fir::Fir;
pub use gather::Gather;
pub use grey::Grey;
pub use number::{Float, LANES, Number};
pub use op::{Compare, FloatOp, Op};
pub use pair::{Binary, PairProgram, PairStep, TwoColumns};
pub use prefix_sum::PrefixSum;
pub use program::Program;
pub use reduce::{
    ArgMinMax, At, Bins, Compensated, CompensatedSum, Count, Histogram, InOrder, Mapped, MeanVar, MinMax,
    Moments, OrderedSum, Reduce, Reduced, Reduction, Sum,
};
pub use retain::Retain;
pub use runner::{KernelWorker, KernelWorkers, Runner};
pub use scalar::Scalar;
pub use stencil::{Sobel, Stencil};
pub use step::KernelStep;
pub use transform::{Kernel, Transform};
pub use window_sums::WindowSums;
pub use with_kernels::WithKernels;
