//! Lines and blocks into a file that is there whole or not at all.

use crate::encode::Block;
use crate::error::{StreamError, Subject};
use crate::sink::Fsync;
use crate::sink::output::Output;
use crate::sink::temporary::{Temporary, sync_folder};
use pipe_core::{BoxError, Sink};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{self, Path, PathBuf};

/// Writes each item and a line feed, or each [`Block`] as it is, into a file, 256 KiB at a time; `Done` is the number of bytes written.
///
/// They go into a new file beside the target, `.NAME.part-PID-N`, which takes the target's name when the run has gone well. So
/// whoever opens the target meets the old file or the whole new one. A run that fails or is cancelled removes what it wrote; a process
/// that is killed leaves it. An existing target keeps its permissions, not its owner; a symbolic link to one stays, and what it points
/// to is replaced. One that leads nowhere is refused.
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
    output: Output,
    /// `None` where the target is written directly.
    part: Option<Temporary>,
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
        Ok(FileSink { output: Output::new(file, subject, Fsync::Never), part })
    }

    /// When the file waits for its medium; [`Fsync::Never`] unless set.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        // A device or a pipe has nothing to wait for.
        if self.part.is_some() {
            self.output.fsync = fsync;
        }
        self
    }

    /// Puts `bytes` in front, as they are: a row of column names, with its line feed.
    pub fn header(mut self, bytes: &[u8]) -> Self {
        self.output.header(bytes);
        self
    }

    fn close(self) -> Result<u64, StreamError> {
        let FileSink { output, part } = self;
        let (subject, fsync) = (&output.subject().clone(), output.fsync);
        // It is closed by now: some systems rename no open file.
        let written = output.close()?;
        let Some(part) = part else { return Ok(written) };
        let failed = |operation| move |error| StreamError::io(operation, subject, None, error);
        part.rename().map_err(failed("rename to"))?;
        if fsync != Fsync::Never {
            part.target().parent().map_or(Ok(()), sync_folder).map_err(failed("sync"))?;
        }
        Ok(written)
    }
}

impl fmt::Debug for FileSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSink")
            .field("to", self.output.subject())
            .field("fsync", &self.output.fsync)
            .finish_non_exhaustive()
    }
}

impl<T: AsRef<[u8]>> Sink<T> for FileSink {
    type Done = u64;

    #[inline]
    fn write(&mut self, item: T) -> Result<(), BoxError> {
        Ok(self.output.line(item.as_ref())?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        Ok(self.close()?)
    }
}

impl Sink<Block> for FileSink {
    type Done = u64;

    fn write(&mut self, block: Block) -> Result<(), BoxError> {
        Ok(self.output.block(block)?)
    }

    fn commit(self) -> Result<u64, BoxError> {
        Ok(self.close()?)
    }
}

/// What to write into: a new file that will take the name of `path`, or what is there if that is not a regular file.
fn open(path: &Path) -> io::Result<(File, Option<Temporary>)> {
    // Opened for writing even if it is to be replaced: who may not write to a file may not replace it either.
    let existing = match OpenOptions::new().append(true).open(path) {
        Ok(existing) => existing,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            may_be_made(path)?;
            // Absolute, so that it stays the same file when the process changes its folder.
            let (file, part) = create(path::absolute(path)?)?;
            return Ok((file, Some(part)));
        }
        Err(error) => return Err(error),
    };
    let metadata = existing.metadata()?;
    if !metadata.is_file() || is_handle(path) {
        return Ok((existing, None));
    }
    let (file, part) = create(fs::canonicalize(path)?)?;
    file.set_permissions(metadata.permissions())?;
    Ok((file, Some(part)))
}

/// What would be found out at the end, by the rename: a path that ends as those of folders do. And what the rename would replace: a link
/// that leads nowhere.
fn may_be_made(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default();
    if !path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes()) {
        return Err(ErrorKind::IsADirectory.into());
    }
    match fs::symlink_metadata(path) {
        Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        Err(_) => Ok(()),
    }
}

fn create(target: PathBuf) -> io::Result<(File, Temporary)> {
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    Temporary::make(target, create, |path| fs::remove_file(path))
}

/// Names of what the process has open. A regular file behind one (`> out.txt`) was opened by whoever started us, and is not ours to
/// replace.
fn is_handle(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|handles| path.starts_with(handles))
}
