//! Where lines go: one kind of sink per file.

mod file;
mod held;
mod writer;

pub use file::FileSink;
pub use writer::WriterSink;
