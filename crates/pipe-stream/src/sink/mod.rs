//! Where lines and blocks go: one kind of sink per file.

mod file;
mod fsync;
mod held;
mod writer;

pub use file::FileSink;
pub use fsync::Fsync;
pub(crate) use held::Held;
pub use writer::WriterSink;
