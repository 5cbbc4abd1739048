//! Runs numeric pipelines at the speed of the cache.
//!
//! # Features
//!
//! * `arrow`: [`Columns`] from record batches of Arrow, and as its arrays, which are not copied.
//! * `ndarray`: [`AlignedVec`] as arrays of ndarray, and from them.

mod aligned;
mod bandwidth;
mod cache_sizes;
mod columns;
mod huge;
mod line;
mod memo;
#[cfg(feature = "ndarray")]
mod ndarray;
mod plain;
mod prefetch;
mod tiled;

pub use aligned::AlignedVec;
pub use bandwidth::{Bandwidth, copy_bandwidth, copy_bandwidth_of};
pub use cache_sizes::CacheSizes;
pub use columns::{
    Bit, Bitmap, Block, ColumnBatch, ColumnBlocks, ColumnError, Columns, NumberType, column_blocks,
};
pub use huge::HugePages;
pub use line::Line;
pub use memo::{Memo, MemoStatistics, MemoTally, MemoWorker, memoised};
pub use plain::Plain;
pub use prefetch::{Probed, prefetch, probed};
pub use tiled::Tiled;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
