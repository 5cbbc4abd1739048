//! TCP and Unix sockets that carry frames.

mod dial;
mod endpoint;
mod error;
mod framing;
mod inbox;
mod limits;
mod listener;
mod patience;
#[cfg(all(test, not(loom)))]
mod simulation;
mod socket;
mod wire;
mod wire_sink;

pub use dial::Dial;
pub use endpoint::Endpoint;
pub use error::NetError;
pub use framing::Framing;
pub use limits::{ListenSettings, WireLimits};
pub use listener::{Frame, Listener};
pub use wire::Wire;
pub use wire_sink::{Delivered, WireSink};
