//! Memory that goes to disk when it becomes too much.

mod error;
mod merged;
mod queue;
mod reader;
mod run;
mod scratch;
mod stored;

pub use error::ScratchError;
pub(crate) use merged::{Inputs, Merged};
pub use queue::DiskQueue;
pub(crate) use run::Runs;
pub use scratch::Scratch;
pub(crate) use scratch::ScratchFile;
pub use stored::Stored;
