//! Reads at any place of any file.

use super::hops::{HopSettings, Hops};
use crate::pool::{Buffer, BufferPool, PoolError};
use pipe_core::RunError;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Reads pieces of files for operations, into buffers that it lends. Clones share threads and buffers.
///
/// Made for many small reads of files that the system mostly has in its cache: a read of 4 KiB then takes a microsecond, and to have it
/// made by another thread five to ten, unless many share the change of threads. For one large file from start to end `pipe-stream` is
/// the better place.
///
/// ```
/// use pipe_async::{Async, BufferPool, FileReader, ReaderSettings};
/// use pipe_core::from_iter;
/// use std::{fs::File, sync::Arc};
///
/// let file = Arc::new(File::open("Cargo.toml").unwrap());
/// let reader = FileReader::new(ReaderSettings::default(), BufferPool::default())?;
/// let firsts = from_iter(0..100u64)
///     .try_map_async(move |offset| {
///         let (reader, file) = (reader.clone(), file.clone());
///         async move { reader.read_at(&file, offset, 1).await.map(|byte| byte[0]) }
///     })
///     .collect()
///     .run_on(&Async::tokio().blocking())?;
/// assert!(firsts.value.starts_with(b"[package]\n"));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct FileReader {
    hops: Hops<Read, (Buffer, io::Result<usize>)>,
    buffers: BufferPool,
}

/// How a [`FileReader`] works: [`HopSettings`].
pub type ReaderSettings = HopSettings;

struct Read {
    file: Arc<File>,
    offset: u64,
    buffer: Buffer,
}

impl FileReader {
    /// With buffers from this pool. Those that have been read and not been dropped are what bounds the reads ahead.
    ///
    /// # Errors
    /// [`RunError::Config`] as [`Hops::new`].
    pub fn new(settings: ReaderSettings, buffers: BufferPool) -> Result<Self, RunError> {
        Ok(FileReader { hops: Hops::new(settings, Read::run)?, buffers })
    }

    /// The bytes of `file` from `offset` on: `bytes` of them, or as many as there are before its end.
    ///
    /// To be awaited inside a tokio runtime with timers. Dropped, it is not made if it has not begun.
    ///
    /// # Errors
    /// [`ReadError::Buffer`] if there is no buffer of that size, or none came back in time; [`ReadError::Io`].
    pub async fn read_at(&self, file: &Arc<File>, offset: u64, bytes: usize) -> Result<Buffer, ReadError> {
        let buffer = self.buffers.get(bytes).await.map_err(ReadError::Buffer)?;
        let (mut buffer, read) = self.hops.call(Read { file: file.clone(), offset, buffer }).await;
        match read {
            Ok(read) => {
                buffer.truncate(read);
                Ok(buffer)
            }
            Err(source) => Err(ReadError::Io { offset, bytes, source }),
        }
    }
}

impl Read {
    fn run(mut self) -> (Buffer, io::Result<usize>) {
        let mut filled = 0;
        while filled < self.buffer.len() {
            match read_at(&self.file, &mut self.buffer[filled..], self.offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return (self.buffer, Err(error)),
            }
        }
        (self.buffer, Ok(filled))
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Why a piece of a file was not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// There was no buffer for it.
    Buffer(PoolError),
    /// The system said no.
    Io {
        /// Where the piece began.
        offset: u64,
        /// How long it was to be.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Buffer(source) => write!(f, "no buffer to read into: {source}"),
            ReadError::Io { offset, bytes, source } => write!(f, "read {bytes} bytes at {offset}: {source}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            ReadError::Buffer(source) => source.source(),
            ReadError::Io { source, .. } => source.source(),
        }
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader").field("hops", &self.hops).field("buffers", &self.buffers).finish()
    }
}
