//! Runs the numeric kernels of a pipeline on a CUDA device, and on the CPU where there is none.
//!
//! ```
//! use pipe_core::from_source;
//! use pipe_core::kernel::{Blocks, Program};
//! use pipe_gpu::Gpu;
//!
//! let fahrenheit = Program::new().scale(1.8).add(32.0);
//! let blocks = Blocks::new(vec![0.0_f32, 10.0, 100.0], 2);
//! let warm = from_source(blocks).kernel(fahrenheit).collect().run_on(&Gpu::new())?;
//! assert_eq!(warm.value, [vec![32.0, 50.0], vec![212.0]]);
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # What it does
//!
//! ```text
//! block --cut--> pieces of 4 MiB --> slot 1: copy there | kernels | copy back
//!                                --> slot 2:              copy there | kernels | copy back
//!                                --> slot 3:                           copy there | kernels | copy back  --> block, in place
//! ```
//!
//! [`Gpu`] runs a pipeline as `Inline` does, and its kernels on the device: programs over one column and over two, `retain`, grey, stencils, filters,
//! sums over windows, counts, extremes, histograms, the sums and running totals of integers. Each of them, a program however long, is one way there and back. A slot is a
//! stream, a buffer on the device and a pinned one on the host; slots are made once and used again, within a budget. A block comes back
//! before the next one is read, so batches stay in order; what overlaps are the pieces of one block. So blocks should be large: of tens of
//! megabytes.
//!
#![cfg_attr(
    feature = "cuda",
    doc = "What is computed over again, or in steps, can stay on the device: [`Column`]. Blocks that stream are copied once more on the host, unless they are pinned: [`PinnedBlocks`]."
)]
//!
//! # When the device is not used
//!
//! | what | then |
//! | --- | --- |
//! | no driver, no device, no feature `cuda` | the CPU computes; one event says why. An error with [`Gpu::strict`] |
//! | the driver refuses a call in mid-run | the CPU does what is left of the block, and the rest of the run: as above |
//! | one of several devices fails in mid-run | the CPU does what is left of the block, the others the rest of the run; one event says so |
//! | the device's memory has no room | as above, for this block |
//! | the CPU is faster, as [`Gate`] finds | the CPU computes; one event says so |
//! | an operation that the kernels do not know | as above |
//! | the driver does not take a kernel of one's own | as above, for this kernel |
//! | the driver does not pin blocks | the device computes, and blocks are copied once more on the host; one event says so |
//! | what one result is made of is longer than a slot: three rows of an image, the taps of a filter | as above |
//!
//! Results are those of the scalar reference, bit for bit; `exp`, `log`, `tanh`, `sigmoid` and `pow` within their
//! [bound](pipe_core::kernel::FloatOp). Moments, the sums of floats and their running totals are computed on the CPU. All this was checked over a driver that runs the
//! kernels' sources on the CPU; nothing was measured on a device yet.
//!
//! # Features
//!
//! * `cuda`: the device. Without it, all of this but `Column`, `Custom` and pinned blocks is there, and there is no device. Linux only.

mod error;
mod executor;
mod facts;
mod gate;
mod log;
mod runner;

#[cfg(feature = "cuda")]
mod column;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod custom;
#[cfg(feature = "cuda")]
mod element;
#[cfg(feature = "cuda")]
mod encode;
#[cfg(feature = "cuda")]
mod filled;
#[cfg(feature = "cuda")]
mod fleet;
#[cfg(feature = "cuda")]
mod images;
#[cfg(feature = "cuda")]
mod job;
#[cfg(feature = "cuda")]
mod mapped_column;
#[cfg(feature = "cuda")]
mod piece;
#[cfg(feature = "cuda")]
mod pinned;
#[cfg(feature = "cuda")]
mod pinned_step;
#[cfg(feature = "cuda")]
mod pool;
#[cfg(feature = "cuda")]
mod stream;
#[cfg(feature = "cuda")]
mod worker;

#[cfg(feature = "cuda")]
pub use column::Column;
#[cfg(feature = "cuda")]
pub use custom::{CudaFunction, Custom, CustomKernel};
#[cfg(feature = "cuda")]
pub use element::Element;
pub use error::GpuError;
pub use executor::Gpu;
pub use facts::DeviceFacts;
#[cfg(feature = "cuda")]
pub use filled::Filled;
pub use gate::{Gate, Place, Rates};
#[cfg(feature = "cuda")]
pub use mapped_column::MappedColumn;
#[cfg(feature = "cuda")]
pub use pinned::{PinnedBlock, PinnedBlocks};
#[cfg(feature = "cuda")]
pub use pinned_step::Pinned;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
