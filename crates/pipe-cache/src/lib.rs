//! Runs numeric pipelines at the speed of the cache.

mod aligned;
mod huge;
mod line;
mod memo;
mod plain;
mod tiled;

pub use aligned::AlignedVec;
pub use huge::HugePages;
pub use line::Line;
pub use memo::{Memo, MemoStatistics, MemoTally, MemoWorker, memoised};
pub use plain::Plain;
pub use tiled::Tiled;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
