//! Runs a pipeline on many cores.
//!
//! ```
//! use pipe_core::from_iter;
//! use pipe_parallel::Parallel;
//!
//! let squares = from_iter(0..1_000u64)
//!     .map(|n| n * n)                  // on all workers
//!     .collect()                       // in input order, by one thread at a time
//!     .run_on(&Parallel::new())?;
//! assert_eq!(squares.value[31], 961);
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # The model
//!
//! Workers *pull*. A worker takes a batch of about 200 us of work from the source, runs the whole fused chain on it while it is hot in
//! cache, and delivers at the gate in front of the sink. There is no feeder thread, no channel, no task per item. The calling thread is
//! a worker; the others are started when the first few hundred microseconds have shown that they pay.
//!
//! ```text
//! source (one puller at a time, gives tickets)
//!    |  batch 7        |  batch 8
//! worker: chain     worker: chain          each with its own state
//!    |                 |
//!    gate: delivers in ticket order; who completes the head drains it into the sink
//! ```
//!
//! A serial stage (`scan`, `take`, `batch`, `windows`, one's own) is such a gate in the middle: it is run in ticket order by whoever
//! completes the head, and what it emits gets the tickets of the next stretch, for any worker. Workers take what is furthest downstream
//! first. A pipeline of serial stages only stays on the calling thread.
//!
//! Memory is bounded: a batch is admitted against a limit in bytes before it is read. A worker whose item explodes into more than there is
//! room for waits in the middle of it until its ticket is the head, and works further downstream meanwhile. The protocol, its races and why
//! they are harmless are described in the `gates` module of the source.
//!
//! # When not to use it
//!
//! Where an item is less than some 6 ns of work: moving it between cores would cost more than it saves. `Parallel` measures that, stays on
//! the calling thread and says so in the report. A closure that sleeps blocks its worker: wrap it in [`blocking`], or use an asynchronous
//! executor where many things wait at once.
//!
//! # Features
//!
//! None is on by default.
//!
//! * `simulation`: the scheduler in simulated time, for the report of the benchmarks. Users have no need of it.

mod alone;
mod apart;
mod asleep;
mod bell;
mod bells;
mod blocking;
mod break_even;
mod crew;
mod drain;
mod ending;
mod gates;
mod hands;
mod hunger;
mod intake;
mod job;
mod ledger;
mod loan;
mod max_delay;
mod meter;
#[cfg(all(test, loom))]
mod models;
mod one_thread;
mod parallel;
mod pieces;
mod processors;
mod room;
mod seat;
#[cfg(any(test, feature = "simulation"))]
#[doc(hidden)]
pub mod simulation;
mod splits;
mod stretch;
mod sync;
mod thread_pool;
mod tuning;

pub use blocking::blocking;
pub use parallel::Parallel;
pub use thread_pool::ThreadPool;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
