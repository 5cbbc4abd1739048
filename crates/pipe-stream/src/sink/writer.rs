//! Lines and blocks into a pipe, a socket, standard output, memory.

use crate::encode::Block;
use crate::error::{StreamError, Subject};
use crate::sink::held::Held;
use pipe_core::{BoxError, Sink};
#[cfg(unix)]
use std::fmt;
use std::fs::File;
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
    pub fn header(mut self, bytes: &[u8]) -> Self {
        self.held.header(bytes);
        self
    }
}

impl WriterSink<Stdout> {
    /// Lines to standard output.
    ///
    /// # Errors
    /// It is not open for writing. The standard library's `Stdout` would take every byte then, say that it was written, and lose it. (One that
    /// was closed when the program started is `/dev/null` by now, and takes everything.)
    pub fn stdout() -> Result<Self, StreamError> {
        let (stdout, subject) = (io::stdout(), Subject::Named("standard output"));
        is_writable(&stdout).map_err(|error| StreamError::io("open", &subject, None, error))?;
        Ok(WriterSink { held: Held::new(stdout, subject) })
    }
}

/// A write of no bytes, past the standard library: it fails where others would.
#[cfg(unix)]
fn is_writable(stdout: &Stdout) -> io::Result<()> {
    use std::os::fd::AsFd;
    File::from(stdout.as_fd().try_clone_to_owned()?).write(&[]).map(drop)
}

/// Elsewhere a program without standard output is a common thing, and its handle is not to be looked at.
#[cfg(not(unix))]
fn is_writable(_: &Stdout) -> io::Result<()> {
    Ok(())
}

impl<W: Write> fmt::Debug for WriterSink<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterSink")
            .field("to", self.held.subject())
            .field("written", &self.held.written())
            .finish_non_exhaustive()
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
