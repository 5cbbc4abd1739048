//! Reads at any place of any file.

use super::engine::{Engine, FileEngine, ReaderSettings};
use super::read::Read;
use crate::pool::{Buffer, BufferPool, PoolError};
use pipe_core::{Event, RunError};
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Reads pieces of files for operations, into buffers that it lends. Clones share threads and buffers.
///
/// Made for many small reads at once. Of files that the system mostly has in its cache a read of 4 KiB takes a microsecond, and to have it
/// made by another thread five to ten, unless many share the change of threads: that is [`FileEngine::Threads`]. Where reads wait for the
/// device, [`FileEngine::Ring`] has many of them under way with one thread. For one large file from start to end `pipe-stream` is the
/// better place.
///
/// Files that are opened past the cache (`custom_flags(libc::O_DIRECT)`) are read as others are: buffers are aligned to pages, and offset
/// and length have to be as the device asks, 4 KiB as a rule. The end of the file may lie anywhere.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
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
    engine: Engine,
    fallback: Option<Event>,
    buffers: BufferPool,
}

impl FileReader {
    /// With buffers from this pool. Those that have been read and not been dropped are what bounds the reads ahead.
    ///
    /// # Errors
    /// [`RunError::Config`] if a setting is zero or out of range, or if the system refuses the threads.
    pub fn new(settings: ReaderSettings, buffers: BufferPool) -> Result<Self, RunError> {
        let (engine, fallback) = Engine::new(settings)?;
        Ok(FileReader { engine, fallback, buffers })
    }

    /// What makes the reads.
    pub fn engine(&self) -> FileEngine {
        self.engine.kind()
    }

    /// The event that says why it does not use the engine that was asked for; `None` if it does.
    pub fn fallback(&self) -> Option<&Event> {
        self.fallback.as_ref()
    }

    /// The bytes of `file` from `offset` on: `bytes` of them, or as many as there are before its end.
    ///
    /// On any runtime; inside of tokio's it needs timers. Dropped, it is not made if it has not begun; if it has, its buffer comes back when
    /// the system is done with it.
    ///
    /// # Errors
    /// [`ReadError::Buffer`] if there is no buffer of that size, or none came back in time; [`ReadError::Io`].
    pub async fn read_at(&self, file: &Arc<File>, offset: u64, bytes: usize) -> Result<Buffer, ReadError> {
        let buffer = self.buffers.get(bytes).await.map_err(ReadError::Buffer)?;
        let failed = |source| ReadError::Io { offset, bytes, source };
        // No file is so long, and the kernel has meanings of its own for such numbers.
        if offset > i64::MAX as u64 - bytes as u64 {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        }
        self.engine.call(Read::new(file.clone(), offset, buffer)).await.map_err(failed)
    }
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
        f.debug_struct("FileReader")
            .field("engine", &self.engine.kind())
            .field("buffers", &self.buffers)
            .finish()
    }
}
