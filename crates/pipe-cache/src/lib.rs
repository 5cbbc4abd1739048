//! Runs numeric pipelines at the speed of the cache.

mod tiled;

pub use tiled::Tiled;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
