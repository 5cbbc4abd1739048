//! Batches as messages between processes: a source sends frames of items into a stream, workers take them from it.
//!
//! ```text
//! pipeline > StreamSink --frames--> stream --messages--> Worker: pipeline over the items of one --frames--> stream
//!                                     ^                     |
//!                                     +--- acknowledged once its results are in the next stream
//! ```
//!
//! `distribute` names the parts of a whole job, each for a process or all in one.
//!
//! `contract` says what a stream is; `local` and the module `nats` are two homes of it, held to the same laws by `tests/transports.rs`.

mod ahead;
mod attempt;
mod contract;
mod distribute;
mod done;
mod ends;
mod error;
mod frame;
mod give_up;
mod keeper;
mod letter;
mod local;
mod partition;
mod place;
mod role;
mod schema;
mod settings;
mod shift;
mod stream_sink;
mod taken;
mod worker;

pub use contract::{Answer, Delivery, Message, Published, Receipt, Transport, Verdict};
pub use distribute::{Distribute, Distributed, Keyed, Stages, distribute};
pub use done::{DistributeError, Done};
pub use error::TransportError;
pub use frame::{FrameError, FrameLimits};
pub use give_up::GiveUp;
#[cfg(feature = "nats")]
pub(crate) use give_up::TICK;
pub use letter::{Letter, Replayed, replay};
pub use local::LocalTransport;
pub use partition::key_of;
#[cfg(feature = "nats")]
pub(crate) use partition::split;
pub use role::Role;
pub use schema::Schema;
pub use settings::StreamSettings;
#[cfg(feature = "nats")]
pub(crate) use settings::{LONGEST, check_stream};
pub use stream_sink::{Sent, StreamSink};
pub use taken::Taken;
pub use worker::{Worked, Worker, WorkerSettings};
