//! Part of a temporary file, read from front to back.

use super::{Scratch, ScratchError, ScratchFile};
use std::ops::Range;
use std::sync::Arc;

/// Reads 8 KiB at a time, and more where one piece is longer.
#[derive(Debug)]
pub(crate) struct Reader {
    /// `None`: all of it is in the buffer.
    file: Option<Arc<ScratchFile>>,
    scratch: Scratch,
    /// What was not read yet.
    rest: Range<u64>,
    buffer: Vec<u8>,
    /// Where the next piece starts in `buffer`.
    next: usize,
}

const BUFFER: usize = 8 << 10;

impl Reader {
    pub(crate) fn new(file: Arc<ScratchFile>, part: Range<u64>) -> Self {
        let scratch = file.scratch().clone();
        Reader { file: Some(file), scratch, rest: part, buffer: Vec::new(), next: 0 }
    }

    /// Of what never came into a file.
    pub(crate) fn of_buffer(scratch: &Scratch, buffer: Vec<u8>) -> Self {
        Reader { file: None, scratch: scratch.clone(), rest: 0..0, buffer, next: 0 }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.next == self.buffer.len() && self.rest.is_empty()
    }

    /// That it holds something else than it should, somewhere before this place.
    pub(crate) fn damaged(&self) -> ScratchError {
        self.scratch.damaged(self.rest.start)
    }

    /// The next this many bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<&[u8], ScratchError> {
        if self.buffer.len() - self.next < bytes {
            self.fill(bytes)?;
        }
        self.next += bytes;
        Ok(&self.buffer[self.next - bytes..self.next])
    }

    fn fill(&mut self, bytes: usize) -> Result<(), ScratchError> {
        let have = self.buffer.len() - self.next;
        let left = self.rest.end - self.rest.start;
        let more = ((bytes - have).max(BUFFER) as u64).min(left) as usize;
        let Some(file) = self.file.as_ref().filter(|_| have + more >= bytes) else {
            return Err(self.damaged());
        };
        self.buffer.drain(..self.next);
        self.next = 0;
        // One piece may be long; the next ones are not.
        if self.buffer.capacity() > 4 * BUFFER {
            self.buffer.shrink_to(have + more);
        }
        self.buffer.resize(have + more, 0);
        file.read(self.rest.start, &mut self.buffer[have..])?;
        self.rest.start += more as u64;
        Ok(())
    }
}
