//! One read: where it stands, and when it is over.

use crate::pool::Buffer;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// What reads past the cache are aligned to at least.
const SECTOR: usize = 512;

/// A buffer that is filled from a file, with as many calls as the system needs for that.
pub(super) struct Read {
    pub(super) file: Arc<File>,
    offset: u64,
    buffer: Buffer,
    filled: usize,
    error: Option<io::Error>,
}

impl Read {
    pub(super) fn new(file: Arc<File>, offset: u64, buffer: Buffer) -> Self {
        Read { file, offset, buffer, filled: 0, error: None }
    }

    /// Where the rest of it begins.
    pub(super) fn next(&self) -> u64 {
        self.offset + self.filled as u64
    }

    pub(super) fn rest(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// Takes what the system has given, and tells whether it is to be asked again.
    pub(super) fn goes_on(&mut self, given: io::Result<usize>) -> bool {
        match given {
            Ok(given) => {
                self.filled += given;
                given > 0 && self.filled < self.buffer.len()
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            // Past the cache, what is not aligned is refused. A file whose end is not aligned has been read to its end.
            Err(error) if error.kind() == ErrorKind::InvalidInput && !self.filled.is_multiple_of(SECTOR) => {
                false
            }
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    /// What has been read, or why it was not.
    pub(super) fn end(mut self) -> io::Result<Buffer> {
        self.buffer.truncate(self.filled);
        self.error.map_or(Ok(self.buffer), Err)
    }

    /// All of it, on this thread.
    pub(super) fn run(mut self) -> io::Result<Buffer> {
        loop {
            let (file, next) = (self.file.clone(), self.next());
            let given = read_at(&file, self.rest(), next);
            if !self.goes_on(given) {
                return self.end();
            }
        }
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
