//! Calls that block, and reads of files, for operations.

mod call;
mod engine;
mod hops;
mod queue;
mod read;
mod reader;
#[cfg(all(feature = "uring", target_os = "linux"))]
mod ring;

pub use call::Call;
pub use engine::{FileEngine, ReaderSettings};
pub use hops::{HopSettings, Hops};
pub use reader::{FileReader, ReadError};
