//! Lines and blocks into a pipe, a socket, standard output, memory.

use crate::encode::Block;
use crate::error::{StreamError, Subject};
use crate::sink::held::Held;
use pipe_core::{BoxError, Sink};
use std::io::{self, Stdout, Write};

/// Writes each item and a line feed, or each [`Block`] as it is, into a writer, 256 KiB at a time; `Done` is the number of bytes written. It
/// need not be buffered.
///
/// What was written before a run failed stays written: for files see [`FileSink`](crate::FileSink). A reader that has gone is an error
/// of kind `Io(BrokenPipe)`; whether that is one for the user is the program's business.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::WriterSink;
///
/// let mut page = Vec::new();
/// let report = from_iter(["one", "two"]).to(WriterSink::new(&mut page)).run_on(&Inline)?;
/// assert_eq!((report.value, page), (8, b"one\ntwo\n".to_vec()));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct WriterSink<W> {
    held: Held<W>,
}

impl<W: Write + Send> WriterSink<W> {
    /// Lines into `writer`.
    pub fn new(writer: W) -> Self {
        WriterSink { held: Held::new(writer, Subject::Named("the output")) }
    }

    /// Puts `bytes` in front, as they are: a row of column names, with its line feed.
    ///
    /// # Errors
    /// As for any write, if they are many.
    pub fn header(mut self, bytes: &[u8]) -> Result<Self, StreamError> {
        self.held.bytes(bytes)?;
        Ok(self)
    }
}

impl WriterSink<Stdout> {
    /// Lines to standard output.
    pub fn stdout() -> Self {
        WriterSink { held: Held::new(io::stdout(), Subject::Named("standard output")) }
    }
}

impl<W: Write + Send> Sink<Block> for WriterSink<W> {
    type Done = u64;

    fn write(&mut self, block: Block) -> Result<(), BoxError> {
        Ok(self.held.block(block)?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        let (_, written) = self.held.finish()?;
        Ok(written)
    }
}

impl<T: AsRef<[u8]>, W: Write + Send> Sink<T> for WriterSink<W> {
    type Done = u64;

    #[inline]
    fn write(&mut self, item: T) -> Result<(), BoxError> {
        Ok(self.held.line(item.as_ref())?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        let (_, written) = self.held.finish()?;
        Ok(written)
    }
}
