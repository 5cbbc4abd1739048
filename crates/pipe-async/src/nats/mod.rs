//! The transport over machines: NATS JetStream.

mod gate;
mod options;
mod publishing;
mod streams;
mod transport;

pub use options::NatsOptions;
pub use transport::Nats;
