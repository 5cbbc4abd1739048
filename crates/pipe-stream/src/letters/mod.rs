//! Dead letters in a file, and the way back from there.

mod file;
mod record;
mod replay;

pub use file::DeadLetterFile;
pub use replay::{Replay, ReplayBatch};
