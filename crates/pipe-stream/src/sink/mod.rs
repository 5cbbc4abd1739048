//! Where lines go: one kind of sink per file.

mod file;
mod held;
mod writer;

pub use file::FileSink;
pub(crate) use held::Held;
pub use writer::WriterSink;
