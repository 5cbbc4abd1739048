//! Temporary files, and how much disk they may take.

use super::ScratchError;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A directory for temporary files, and how many bytes all of them may have. Clones share the account.
///
/// A file has no name from the moment it is there (on Windows it is deleted when it is closed), so none is left behind, however the
/// program ends. A directory in memory, as `/tmp` often is, saves nothing: take one on a disk.
///
/// ```
/// use pipe_stream::Scratch;
///
/// let scratch = Scratch::new(std::env::temp_dir(), 1 << 30);
/// assert_eq!((scratch.in_use(), scratch.limit()), (0, 1 << 30));
/// ```
#[derive(Debug, Clone)]
pub struct Scratch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    limit: u64,
    in_use: AtomicU64,
}

impl Scratch {
    /// Keeps temporary files in `dir`, of at most `limit` bytes all together. Nothing is made before it is needed. With a limit of zero bytes the first that is
    /// written is an error.
    pub fn new(dir: impl Into<PathBuf>, limit: u64) -> Self {
        Scratch { shared: Arc::new(Shared { dir: dir.into(), limit, in_use: AtomicU64::new(0) }) }
    }

    /// The bytes of all files at present.
    pub fn in_use(&self) -> u64 {
        self.shared.in_use.load(Relaxed)
    }

    /// The most bytes that all files together may have.
    pub fn limit(&self) -> u64 {
        self.shared.limit
    }

    /// A new and empty one.
    pub(crate) fn file(&self) -> Result<ScratchFile, ScratchError> {
        let made = tempfile::tempfile_in(&self.shared.dir);
        let file = made.map_err(|source| self.io("create", 0, source))?;
        Ok(ScratchFile { file, len: 0, scratch: self.clone() })
    }

    pub(crate) fn damaged(&self, offset: u64) -> ScratchError {
        ScratchError::Damaged { path: self.shared.dir.clone(), offset }
    }

    fn io(&self, operation: &'static str, bytes: u64, source: io::Error) -> ScratchError {
        ScratchError::Io { operation, path: self.shared.dir.clone(), bytes, source }
    }

    fn reserve(&self, wanted: u64) -> Result<(), ScratchError> {
        let Shared { dir, limit, in_use } = &*self.shared;
        let fits = |in_use: u64| in_use.checked_add(wanted).filter(|after| after <= limit);
        let reserved = in_use.fetch_update(Relaxed, Relaxed, fits);
        reserved.map(drop).map_err(|in_use| ScratchError::Full {
            path: dir.clone(),
            wanted,
            in_use,
            limit: *limit,
        })
    }

    fn release(&self, bytes: u64) {
        self.shared.in_use.fetch_sub(bytes, Relaxed);
    }
}

/// A file without a name. Written at its end, read anywhere.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    file: File,
    len: u64,
    scratch: Scratch,
}

impl ScratchFile {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// After an error it is as before.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), ScratchError> {
        let wanted = bytes.len() as u64;
        self.scratch.reserve(wanted)?;
        // Not at the end of the file but at ours: what an error left behind is written over.
        let mut file = &self.file;
        let written = file.seek(SeekFrom::Start(self.len)).and_then(|_| file.write_all(bytes));
        written.map_err(|source| {
            self.scratch.release(wanted);
            self.scratch.io("write", wanted, source)
        })?;
        self.len += wanted;
        Ok(())
    }

    pub(crate) fn read(&self, at: u64, into: &mut [u8]) -> Result<(), ScratchError> {
        let mut file = &self.file;
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(into));
        read.map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.scratch.damaged(at),
            _ => self.scratch.io("read", into.len() as u64, source),
        })
    }

    /// Forgets what is behind `len`. The disk has it back when the file goes, or is written over.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.scratch.release(self.len - len);
        self.len = len;
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        self.scratch.release(self.len);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn no_space_left_names_path_and_bytes_and_is_given_back() {
        let scratch = Scratch::new("/dev", 1_000);
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        let mut file = ScratchFile { file, len: 0, scratch: scratch.clone() };
        let failed = file.append(&[0; 100]).unwrap_err();
        let expected = "write 100 bytes of a temporary file in \"/dev\": No space left on device";
        assert!(failed.to_string().starts_with(expected), "{failed}");
        assert_eq!((file.len(), scratch.in_use()), (0, 0));
    }
}
