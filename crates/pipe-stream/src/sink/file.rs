//! Lines and blocks into a file that is there whole or not at all.

use crate::encode::Block;
use crate::error::{StreamError, Subject};
use crate::sink::Fsync;
use crate::sink::held::Held;
use pipe_core::{BoxError, Sink};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Writes each item and a line feed, or each [`Block`] as it is, into a file, 256 KiB at a time; `Done` is the number of bytes written.
///
/// They go into a new file beside the target, `.NAME.part-PID-N`, which takes the target's name when the run has gone well. So
/// whoever opens the target meets the old file or the whole new one. A run that fails or is cancelled removes what it wrote; a process
/// that is killed leaves it. An existing target keeps its permissions, not its owner; a symbolic link to one stays, and what it points
/// to is replaced.
///
/// A target that is not a regular file (a device, a FIFO, `/dev/stdout`) is written directly, as the lines come.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::FileSink;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("squares");
/// let squares = from_iter(1..=3).map(|n| (n * n).to_string());
/// assert_eq!(squares.to(FileSink::create(&path)?).run_on(&Inline)?.value, 6);
/// assert_eq!(std::fs::read_to_string(&path)?, "1\n4\n9\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileSink {
    held: Held<File>,
    /// `None` where the target is written directly.
    part: Option<Part>,
    fsync: Fsync,
    /// How many bytes were written when the file was synchronised last.
    synced: u64,
}

impl FileSink {
    /// Lines into the file `path`, which need not exist; its folder must.
    ///
    /// # Errors
    /// What keeps the file from being written: so a long run does not find out at its end.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StreamError> {
        let path = path.as_ref();
        let subject = Subject::Path(path.to_owned());
        let (file, part) = open(path).map_err(|error| StreamError::io("create", &subject, None, error))?;
        Ok(FileSink { held: Held::new(file, subject), part, fsync: Fsync::Never, synced: 0 })
    }

    /// When the file waits for its medium; [`Fsync::Never`] unless set.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// Puts `bytes` in front, as they are: a row of column names, with its line feed.
    ///
    /// # Errors
    /// As for any write, if they are many.
    pub fn header(mut self, bytes: &[u8]) -> Result<Self, StreamError> {
        self.held.block(Block::new(bytes.to_vec(), 0, None))?;
        Ok(self)
    }

    /// After a write: whether it is time to wait for the medium.
    #[inline]
    fn wrote(&mut self) -> Result<(), StreamError> {
        match self.fsync {
            Fsync::EveryBytes(every) if self.held.written() - self.synced >= every.get() => self.sync(),
            _ => Ok(()),
        }
    }

    #[cold]
    fn sync(&mut self) -> Result<(), StreamError> {
        self.synced = self.held.written();
        if self.part.is_none() {
            // A device or a pipe has nothing to wait for.
            return Ok(());
        }
        let synced = self.held.target().sync_data();
        synced.map_err(|error| StreamError::io("sync", self.held.subject(), Some(self.synced), error))
    }

    fn close(self) -> Result<u64, StreamError> {
        let FileSink { held, part, fsync, .. } = self;
        let subject = &held.subject().clone();
        let (file, written) = held.finish()?;
        let Some(part) = part else { return Ok(written) };
        let failed = |operation| move |error| StreamError::io(operation, subject, None, error);
        if fsync != Fsync::Never {
            file.sync_all().map_err(failed("sync"))?;
        }
        // Some systems rename no open file.
        drop(file);
        fs::rename(&part.path, &part.target).map_err(failed("rename to"))?;
        if fsync != Fsync::Never {
            sync_folder(&part.target).map_err(failed("sync"))?;
        }
        Ok(written)
    }
}

impl<T: AsRef<[u8]>> Sink<T> for FileSink {
    type Done = u64;

    #[inline]
    fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.held.line(item.as_ref())?;
        Ok(self.wrote()?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        Ok(self.close()?)
    }
}

impl Sink<Block> for FileSink {
    type Done = u64;

    fn write(&mut self, block: Block) -> Result<(), BoxError> {
        self.held.block(block)?;
        Ok(self.wrote()?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        Ok(self.close()?)
    }
}

/// What to write into: a new file that will take the name of `path`, or what is there if that is not a regular file.
fn open(path: &Path) -> io::Result<(File, Option<Part>)> {
    // Opened for writing even if it is to be replaced: who may not write to a file may not replace it either.
    let existing = match OpenOptions::new().append(true).open(path) {
        Ok(existing) => existing,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Absolute, so that it stays the same file when the process changes its folder.
            let (file, part) = Part::create(path::absolute(path)?)?;
            return Ok((file, Some(part)));
        }
        Err(error) => return Err(error),
    };
    let metadata = existing.metadata()?;
    if !metadata.is_file() || is_handle(path) {
        return Ok((existing, None));
    }
    let (file, part) = Part::create(fs::canonicalize(path)?)?;
    file.set_permissions(metadata.permissions())?;
    Ok((file, Some(part)))
}

/// Names of what the process has open. A regular file behind one (`> out.txt`) was opened by whoever started us, and is not ours to
/// replace.
fn is_handle(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|handles| path.starts_with(handles))
}

/// A file under a temporary name. Dropping it removes it.
struct Part {
    path: PathBuf,
    target: PathBuf,
}

/// Only a leftover of a killed process with our process id is in the way, or of several.
const NAMES_TRIED: usize = 100;

impl Part {
    fn create(target: PathBuf) -> io::Result<(File, Self)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?;
        // Cut, so that a long name with its ending is still a valid one; it need not be unique.
        let name: String = name.to_string_lossy().chars().take(50).collect();
        for _ in 0..NAMES_TRIED {
            let number = NUMBER.fetch_add(1, Relaxed);
            let path = target.with_file_name(format!(".{name}.part-{}-{number}", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Part { path, target })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is nothing under this name, which no other sink ever has. If it fails nobody is left to tell.
        let _ = fs::remove_file(&self.path);
    }
}

/// Puts the names in the folder of `file` on the medium.
#[cfg(unix)]
fn sync_folder(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Elsewhere folders cannot be opened; the rename itself is journalled.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
