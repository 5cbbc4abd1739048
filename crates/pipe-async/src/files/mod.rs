//! Calls that block, and reads of files among them, for operations.

mod hops;
mod queue;
mod reader;

pub use hops::{Call, HopSettings, Hops};
pub use reader::{FileReader, ReadError, ReaderSettings};
