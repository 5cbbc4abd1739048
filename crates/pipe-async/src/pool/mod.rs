//! What is lent to operations and comes back: connections, buffers.

mod buffers;
mod connect;
mod connections;
mod error;
mod line;
#[cfg(all(test, loom))]
mod models;
mod settings;
mod tickets;
mod within;

pub use buffers::{Buffer, BufferClass, BufferPool};
pub use connect::Connect;
pub use connections::{ConnectionPool, ConnectionStatistics, PooledConnection};
pub use error::PoolError;
pub use settings::PoolSettings;
