//! Runs a pipeline in little memory, and has memory to use over and over: pools, arenas, a cache that lets go.
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
//! # The executor
//!
//! ```text
//! source --batch--> [ segment ] --batch--> [ segment ] --batch--> sink        one thread; one batch read ahead if asked
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
//! Use it where memory is short and the input is long: in containers of a few megabytes, for items of megabytes, for a pipeline inside a
//! program that needs its memory for something else. `Inline` of pipe-core runs cheap numbers faster, since it makes no batch where it needs none and
//! counts nothing; `pipe-parallel` uses more cores, and holds a few batches for each.
//!
//! # Memory that is used again
//!
//! ```text
//!  thread: magazine of 32 <--16--> depot: idle objects, one lock <--16--> magazine of 32 :thread
//!             ^     |                                                       ^     |
//!            put   get                  no lock, no shared memory          put   get
//! ```
//!
//! | what | for | a get and a put cost |
//! | --- | --- | --- |
//! | [`Pool`] | buffers, batches, arenas that come and go by the million | no lock, no allocation |
//! | [`LimitedPool`] | what there are only so many of; threads and futures wait in line | two locks |
//! | [`SimplePool`] | a fixed handful that is made beforehand | two locks |
//! | [`ArenaPool`], [`InArena`] | the parts of records: texts, slices, rows | an [`Arena`] for each batch, no allocation per item |
//! | [`WeakCache`] | values that several share and that should not stay for ever | a lock and a look into a table |
//!
//! All three pools implement [`Lend`] and keep its laws. Objects are reset when they come back, dropped when a panic drops their guard,
//! and free themselves when they outlive their pool.
//!
//! What lies idle in a pool counts in no limit by itself. [`LimitedPool::charging`] counts every object in a [`Budget`](pipe_core::Budget),
//! from before it is made until after it is dropped, and makes no more than have room there.
//!
//! None of this is worth it for what is small and made once: the allocator takes 30 ns. It pays for objects that are large, that own several
//! allocations, or that are freed on another thread than the one they were made on.
//!
//! # When memory becomes short
//!
//! ```text
//! PSI, control group, machine --every 100 ms--> Pressure: normal | moderate | high | critical --> batches, idle objects, kept values
//! ```
//!
//! A limit is a promise of this program; what others on the machine do, it cannot know. [`Pressure`] can: it reads what Linux tells, and its
//! level halves the batches of [`Lazy::watching`] and what registered pools and caches keep. It rises at once, and falls after two seconds
//! of less. On other systems it is always `Normal`, and the report says so.
//!
//! # Features
//!
//! * `object-pool` (default): [`SimplePool`], on the crate of that name.

#![warn(missing_debug_implementations)]

mod arena;
mod arena_pool;
mod in_arena;
mod lazy;
mod pool;
mod prefetch;
mod pressure;
mod shrink;
mod sizer;
mod watch;
mod weak_cache;
mod weighed;

pub use arena::{Arena, ArenaBox};
pub use arena_pool::ArenaPool;
pub use in_arena::{ArenaBatch, Build, InArena};
pub use lazy::Lazy;
pub use pool::{Acquire, Exhausted, Lend, LimitedPool, Pool, PoolStatistics, Pooled};
#[cfg(feature = "object-pool")]
pub use pool::{SimplePool, SimplePooled};
pub use prefetch::Prefetch;
pub use pressure::{Gauge, Pressure, PressureLevel, Reading, Scope};
pub use shrink::{Shrink, Shrinkable};
pub use weak_cache::{CacheStatistics, WeakCache};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
