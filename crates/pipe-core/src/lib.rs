//! The heart of the pipe toolkit: what a source, a stage, a sink and an executor are, and the pipeline that joins them.
//!
//! You write a pipeline once, as a chain of adapters, and run it on the executor that suits the work. This crate has the reference,
//! [`Inline`], which runs on the calling thread; other crates bring more: `pipe-parallel` has workers, `pipe-stream` has files.
//!
//! ```
//! use pipe_core::{Inline, from_iter, skip};
//!
//! let report = from_iter(["3", "x", "4"])
//!     .try_map(str::parse::<u64>)
//!     .on_error(skip())
//!     .map(|n| n * n)
//!     .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
//!     .run_on(&Inline)?;
//! assert_eq!(report.value, 25);
//! assert_eq!(report.skipped(), 1);
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # The model
//!
//! ```text
//! Source -> [ segment: fused stages ] -> edge -> [ segment ] -> Sink
//!            one loop, no dispatch       batches
//! ```
//!
//! * A [`Source`] is pulled for a [`Batch`], which owns its data and lends its items.
//! * A [`Stage`] is a definition shared by all workers; its `State` is made once per worker, where it is used, and may be `!Send`.
//! * A [`Step`] gets an item and *emits* zero, one or many. Steps fuse into one loop, so eight stages over borrowed rows cost about what
//!   the loop written by hand does.
//! * Borrowed rows stay inside their segment; what crosses an edge is a batch of owned items. The batch of a source may be a chunk of a file:
//!   it moves to the worker that borrows rows from it, the rows do not.
//! * A stage that fails calls [`Emit::fail`]. What happens then is up to an [`ErrorPolicy`]: it is data, and not the stage but the run
//!   applies it.
//! * A [`Sink`] is written to by one thread at a time, and commits at the end. A run that fails drops it uncommitted.
//! * An [`Executor`] sees a flat list of erased nodes ([`plan`]).
//!
//! # What this crate does not know
//!
//! Threads, files, runtimes, devices: those are the business of the other crates. It has no dependencies and no unsafe code.
//!
//! # Features
//!
//! * `testing`: the conformance laws for executors, the naive oracle, scripted sources and sinks.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_debug_implementations)]

mod account;
mod adapters;
mod async_step;
mod batch;
mod batch_call;
mod bottleneck;
mod budget;
mod cancel;
mod chunks;
mod clock;
mod consumer;
mod context;
mod control;
mod error;
mod event;
mod executor;
mod explain;
mod fan;
mod handle;
mod held;
mod indices;
mod inline;
mod item;
mod iter;
mod left;
mod letters;
mod limit;
mod line;
mod lower;
mod memory_settings;
mod observer;
mod opaque;
mod operations;
mod order;
mod pace;
mod pipeline;
mod policy;
mod position;
mod progress;
mod report;
mod report_rows;
mod resident;
mod retry;
mod rows;
mod run;
mod segment;
mod settings;
mod shares;

mod sink;
mod sink_node;
mod source;
mod spill;
mod stage;
mod staged;
mod straight;
mod timed;
mod waits;
mod weigh;

pub mod kernel;
pub mod plan;
#[cfg(feature = "testing")]
pub mod testing;

pub use adapters::{
    Batches, Counted, Dedup, Enumerate, Filter, FilterMap, FlatMap, Fold, Group, Identity, Inspect, Map,
    MapWith, Scan, Skip, Take, TakeWhile, TryMap, Window, Windows,
};
pub use async_step::{AsyncStep, MapAsync, TryMapAsync};
pub use batch::{Batch, Items, Reread, Spares};
pub use batch_call::{Answers, BatchCall, WrongAnswers};
pub use bottleneck::{Bottleneck, Limit, Remedy};
pub use budget::{Budget, Permit};
pub use cancel::Cancel;
pub use chunks::{Chunks, from_chunks};
pub use clock::{Clock, SystemClock};
pub use consumer::Consumer;
pub use context::Context;
pub use error::{Payload, RunError};
pub use event::Event;
pub use executor::{BlockingExecutor, Drives, Executor, Finish, Profile};
pub use explain::{Earlier, Explain};
pub use fan::{
    Backlog, Bound, BranchError, BranchErrorKind, BranchReport, BranchSink, BranchSource, Concat, Merged,
    Overflow, Route, Tagged, Tee, Zip, branch, concat, merge, route, tee, zip,
};
pub use handle::Run;
pub use indices::{FromRange, Indices, from_range};
pub use inline::{Inline, InlineWithin};
pub use item::{Item, Own, Owned, Parser, Same};
pub use iter::Iter;
pub use letters::{DeadLetter, DeadLetters};
pub use limit::default_memory_limit;
pub use lower::{AnyWorkers, Boxed, Close, Cut, Feed, Last, Lower, OneWorker, Reactor, Start, StartIter};
pub use memory_settings::MemorySettings;
pub use observer::{Observed, Observer, Part, Slice};
pub use operations::{KeyLimit, Operations, Rate, TookTooLong, per_second};
pub use order::Order;
pub use pace::Pace;
pub use pipeline::{Async, Pipeline, Retries, Serial, Whole};
pub use policy::{ErrorPolicy, dead_letters, fail, skip};
pub use position::Position;
pub use progress::Progress;
pub use report::{Report, SegmentReport, StageReport};
pub use retry::{Retry, exponential};
pub use rows::{SkipRows, TakeRows, Truncate};
pub use settings::{Emits, SegmentKind};
pub use sink::{ForEach, Merge, Sink};
pub use source::{FromIter, Pulled, Source, Want, from_iter, from_source};
pub use spill::Spill;
pub use stage::{BoxError, Emit, Flow, Sharing, Stage, Step, Then};
pub use weigh::Weigh;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
