//! Runs a pipeline in little memory.
//!
//! ```
//! use pipe_core::from_iter;
//! use pipe_mem::Lazy;
//!
//! let lazy = Lazy::new().memory_limit(1 << 20);
//! let report = from_iter(0..1_000_000u64).filter(|n| n % 7 == 0).map(|n| n * n).for_each(drop).run_on(&lazy)?;
//! assert!(report.peak_bytes <= 1 << 20);
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # The model
//!
//! ```text
//! source --batch--> [ segment ] --batch--> [ segment ] --batch--> sink        one thread, nothing read ahead
//! ```
//!
//! [`Lazy`] *pulls*: it asks the source for one batch and carries it all the way into the sink before it asks again. Where an item becomes
//! many, a full batch of outputs is carried on in the middle of the item. So one batch on each edge is alive at most, however long the
//! input is and however large an item grows, and each is so small that all of them fit into the limit together.
//!
//! Bytes are those that [`Weigh`](pipe_core::Weigh) tells: an item counts as its size, and with what it owns elsewhere if it is a string or
//! a vector of numbers, or if the pipeline says `.weighed()`. Counted are batches and the accumulators of folds, which stay until the end.
//! What a closure allocates for itself, and what the sink keeps, is not.
//!
//! # When to use it, and when not
//!
//! Where memory is short and the input is not: containers of a few megabytes, items of megabytes, a pipeline inside a program that needs its
//! memory for something else. `Inline` of pipe-core runs cheap numbers faster, since it makes no batch where it needs none and counts
//! nothing; `pipe-parallel` uses more cores, and holds a few batches for each.

mod arena;
mod arena_pool;
mod in_arena;
mod lazy;
mod pool;
mod weak_cache;
mod weighed;

pub use arena::{Arena, ArenaBox};
pub use arena_pool::ArenaPool;
pub use in_arena::{ArenaBatch, Build, InArena};
pub use lazy::Lazy;
pub use pool::{Acquire, Exhausted, Lend, LimitedPool, Pool, PoolStatistics, Pooled};
#[cfg(feature = "object-pool")]
pub use pool::{SimplePool, SimplePooled};
pub use weak_cache::{CacheStatistics, WeakCache};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
