//! The transport over machines: NATS JetStream.

mod connection;
mod fetching;
mod gate;
mod in_flight;
mod lane;
mod options;
mod publishing;
mod refusal;
mod streams;
mod transport;

pub use options::NatsOptions;
pub use transport::Nats;
