//! Runs pipelines with async stages.
//!
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "```ignore")]
//! use pipe_async::{Async, sleep};
//! use pipe_core::from_iter;
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), pipe_core::RunError> {
//! let report = from_iter(0..1_000u64)
//!     .map_async(|n| async move {
//!         sleep(Duration::from_millis(1)).await;
//!         n * n
//!     })
//!     .concurrency(200)
//!     .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
//!     .run_on(&Async::tokio())
//!     .await?;
//! assert_eq!(report.value, 332_833_500);
//! # Ok(())
//! # }
//! ```
//!
//! # The model
//!
//! ```text
//! source > stages  --edge-->  operations in flight  --edge-->  stages > sink
//! a thread         batches    the task that awaits  batches    a thread
//! ```
//!
//! Operations of an async stage are futures. The task that awaits the run polls them itself, each only when its own waker was called: there is
//! no task, and in the long run no allocation, per operation. The plain stages between async ones are fused and run on a thread of their own,
//! where they may block and keep state that is not `Send`. A pipeline without async stages is one such thread.
//!
//! Outputs come in the order of the items, unless the stage is `.unordered()`. At most `window` items (four times the concurrency, unless set)
//! may have overtaken a slow one. Operations go on while the consumer is slow, until the memory limit says stop. A failed operation follows the
//! policy of its stage, in the order of the items; while one waits for another attempt, its place among those in flight goes to the next item. A panic inside an operation ends the run with the stage and the position of its item.
//!
//! What an operation waits with is that of the runtime: its sockets, its timers. A [`sleep()`] of this crate runs unchanged on each of them, and in
//! the [virtual time](Test) of tests, and costs less than a timer of the runtime.
//!
//! The run is a [`Running`]: a future that is `Send`, may be spawned, and stops the run when it is dropped. [`Blocking`] waits for it. How
//! threads, task and edges wait for each other, and why nothing locks up, is in the `conductor` module of the source.
//!
//! # When not to use it
//!
//! For work that computes: an operation that does not wait keeps all others from going on. Put it behind the async stage, into a sync one.
//! Where waits are short, few things are done with what comes, and nothing blocks, [`Async::in_task`] spares the changes of threads.
//!
//! Each stretch of sync stages has one thread; if that is the bottleneck, `pipe-parallel` has many, and no operations. Where waiting and
//! computing cannot be told apart, [`Async::shards`] drives each async stage on several threads.
//!
//! # Features
//!
//! * `tokio` (default): `Async::tokio()`.
//! * `monoio` (Linux): `Async::monoio()`, whose operations stay on their thread, over io_uring.
//! * `futures`: streams as sources, and outputs as streams and iterators: between programs that block and programs that do not.
//! * `http`: fetches over HTTP/1.1, with TLS, through pools of connections.
//! * `net`: TCP and Unix sockets with frames, for pools, as a source and as a sink.
//! * `uring` (Linux): reads of files through io_uring.
//! * `tower`: services of tower, called by operations, each on a clone that is ready.
//! * `transport`: batches as messages between processes, with a transport inside of one process.
//! * `nats`: the same over machines, on NATS JetStream.
//!
//! Without a runtime the crate is empty; all features can be had together. Pools, reads of files and calls that block work on either
//! runtime.

// Without a runtime there is nothing here.
#![cfg(any(feature = "tokio", all(feature = "monoio", target_os = "linux")))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adaptive;
mod alarms;
mod blocking;
#[cfg(feature = "futures")]
mod bridge;
mod conductor;
mod contained;
mod deadlines;
mod driver;
mod edges;
mod ends;
mod executor;
mod files;
mod flight;
#[cfg(feature = "http")]
mod http;
mod in_task;
mod keys;
mod local_running;
#[cfg(all(test, loom))]
mod models;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "net")]
mod net;
mod output;
mod polled_stretch;
mod pool;
mod rate;
mod ready;
#[cfg(feature = "tokio")]
mod running;
mod runtime;
mod shards;
mod slab;
mod sleep;
mod stretch;
mod sync;
#[cfg(feature = "tower")]
mod tower;
#[cfg(feature = "transport")]
mod transport;
mod wheel;
mod window;

pub use blocking::Blocking;
#[cfg(feature = "futures")]
pub use bridge::{FromStream, OutputIter, OutputSink, Outputs, from_stream};
pub use executor::Async;
pub use files::{Call, FileEngine, FileReader, HopSettings, Hops, ReadError, ReaderSettings};
#[cfg(feature = "http")]
pub use http::{HttpClient, HttpError, HttpSettings, Response};
pub use in_task::InTask;
pub use local_running::LocalRunning;
#[cfg(feature = "nats")]
pub use nats::{Nats, NatsOptions};
#[cfg(feature = "net")]
pub use net::{
    Delivered, Dial, Endpoint, Frame, Framing, ListenSettings, Listener, NetError, Wire, WireLimits, WireSink,
};
pub use pool::{
    Buffer, BufferClass, BufferPool, Connect, ConnectionPool, ConnectionStatistics, PoolError, PoolSettings,
    PooledConnection,
};
#[cfg(feature = "tokio")]
pub use running::Running;
pub use runtime::local_stage::LocalStage;
#[cfg(all(feature = "monoio", target_os = "linux"))]
pub use runtime::monoio::Monoio;
pub use runtime::test::{Test, TestClock, TestStage};
#[cfg(feature = "tokio")]
pub use runtime::tokio::{Stage, Tokio};
pub use sleep::{Sleep, sleep, timeout};
#[cfg(feature = "tower")]
pub use tower::{ServiceCalls, ServiceError};
#[cfg(feature = "transport")]
pub use transport::{
    Answer, Delivery, Distribute, DistributeError, Distributed, Done, FrameError, FrameLimits, GiveUp, Keyed,
    Letter, LocalTransport, Message, Published, Receipt, Replayed, Role, Schema, Sent, Stages,
    StreamSettings, StreamSink, Taken, Transport, TransportError, Verdict, Worked, Worker, WorkerSettings,
    distribute, key_of, replay,
};

#[cfg_attr(feature = "tokio", doc = include_str!("../README.md"))]
#[cfg(doctest)]
struct Readme;
