//! Where lines and blocks go: one kind of sink per file.

mod file;
mod folder;
mod fsync;
mod held;
mod output;
mod per_key;
mod rolling;
mod temporary;
mod writer;

pub use file::FileSink;
pub use folder::Written;
pub use fsync::Fsync;
pub(crate) use held::Held;
pub use per_key::PerKeySink;
pub use rolling::RollingSink;
pub use writer::WriterSink;
