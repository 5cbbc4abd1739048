//! Batches as messages between processes: a source sends frames of items into a stream, workers take them from it.
//!
//! ```text
//! pipeline > StreamSink --frames--> stream --messages--> Worker: pipeline over the items of one --frames--> stream
//!                                     ^                     |
//!                                     +--- acknowledged once its results are in the next stream
//! ```
//!
//! `contract` says what a stream is; `local` and the module `nats` are two homes of it, held to the same laws by `tests/transports.rs`.

mod attempt;
mod contract;
mod error;
mod frame;
mod keeper;
mod letter;
mod local;
mod schema;
mod settings;
mod stream_sink;
mod taken;
mod worker;

pub use contract::{Answer, Delivery, Message, Published, Receipt, Transport, Verdict};
pub use error::TransportError;
pub use frame::{FrameError, FrameLimits};
pub use letter::{Letter, Replayed, replay};
pub use local::LocalTransport;
pub use schema::Schema;
pub use settings::StreamSettings;
#[cfg(feature = "nats")]
pub(crate) use settings::{LONGEST, check_stream};
pub use stream_sink::{Sent, StreamSink};
pub use taken::Taken;
pub use worker::{Worked, Worker, WorkerSettings};
