//! Runs numeric pipelines at the speed of the cache.
//!
//! ```
//! use pipe_cache::Tiled;
//! use pipe_core::from_source;
//! use pipe_core::kernel::{Blocks, Program, Sum};
//!
//! let readings = Blocks::new((0..1_000_000).map(|n| n as f32).collect(), 16 << 10);
//! let energy = from_source(readings).kernel(Program::new().scale(1e-3).square());
//! let report = energy.reduce(Sum).run_on(&Tiled::new())?;
//! assert!((report.value.unwrap_or_default() / 333_332_833_333.5 - 1.0).abs() < 1e-6);
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # What it does
//!
//! ```text
//! block: [ tile 16 KiB | tile | tile | .. ]     each tile through the whole program, operation by operation, in the first level of the cache
//!              |
//!              v        x * 1e-3 -> x * x -> ..     each operation a loop over 64-byte registers
//! ```
//!
//! * A [`Program`](pipe_core::kernel::Program) is data: pipe-core says what it means, [`Tiled`] computes it in tiles, with the instructions that the
//!   processor has ([`Level`]). Memory is read and written once, however many operations there are.
//! * A chain that is known when the program is compiled is a closure: [`fused()`] makes one pass of it.
//! * Reductions add in an order that is fixed, so results are the same on every level and for any number of workers.
//! * [`Simd`] has the same kernels for slices outside of pipelines, and those that are no steps from number to number: filters with a finite
//!   impulse response, sums of moving windows, stencils, histograms, grey, conversions.
//!
//! `Tiled` is an executor, and a runner for the others: `Parallel::new().kernels(Tiled::new())`. It starts no threads.
//!
//! # Where it does not help
//!
//! Beyond the last level of the cache one pass is as fast as the memory, with or without SIMD. What pays there is fewer passes.
//!
//! # Memory that it likes
//!
//! | what | for |
//! | --- | --- |
//! | [`AlignedVec`], [`Line`] | numbers in whole cache lines and huge pages; what one worker writes, apart from others |
//! | [`Columns`], [`column_blocks`] | a table by columns, lent block by block; a filter moves no rows |
//! | [`memoised`] | a pure function that remembers its results, where that pays |
//! | [`probed`], [`prefetch`] | looks into a table that is larger than the caches |
//! | [`copy_bandwidth`], [`CacheSizes`] | what is possible at all, as a yardstick |
//!
//! # Features
//!
//! * `arrow`: [`Columns`] from record batches of Arrow, and as its arrays, which are not copied.
//! * `ndarray`: [`AlignedVec`] as arrays of ndarray, and from them.

mod ahead;
mod aligned;
mod bandwidth;
mod cache_sizes;
mod columns;
mod convert;
mod count;
mod count_byte;
mod each;
mod element;
mod fir;
mod fused;
mod grey;
mod histogram;
mod huge;
mod level;
mod line;
mod memo;
#[cfg(feature = "ndarray")]
mod ndarray;
mod pair;
mod plain;
mod prefetch;
mod reduce;
mod retain;
mod simd;
mod stencil;
mod tile;
mod tiled;
mod windows;
mod worker;

pub mod math;

pub use aligned::AlignedVec;
pub use bandwidth::{Bandwidth, copy_bandwidth, copy_bandwidth_of};
pub use cache_sizes::CacheSizes;
pub use columns::{
    Bit, Bitmap, Block, ColumnBatch, ColumnBlocks, ColumnError, Columns, NumberType, column_blocks,
};
pub use element::Element;
pub use fused::{Fused, fused};
pub use huge::HugePages;
pub use level::Level;
pub use line::Line;
pub use memo::{Memo, MemoStatistics, MemoTally, MemoWorker, memoised};
pub use plain::Plain;
pub use prefetch::{Probed, prefetch, probed};
pub use simd::Simd;
pub use tiled::Tiled;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
