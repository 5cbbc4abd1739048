//! Sorted runs of keys and values in a temporary file.
//!
//! ```text
//! length of the key: u32 | length of the value: u32 | key | value
//! ```

use super::{Scratch, ScratchError, ScratchFile, Stored};
use std::sync::Arc;

/// Where a run lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    start: u64,
    end: u64,
}

/// A file of runs.
#[derive(Debug)]
pub(crate) struct Runs {
    file: ScratchFile,
    runs: Vec<Run>,
}

/// Written at once, and read at once by each reader.
const BUFFER: usize = 8 << 10;

const HEAD: usize = 8;

impl Runs {
    pub(crate) fn new(scratch: &Scratch) -> Result<Self, ScratchError> {
        Ok(Runs { file: scratch.file()?, runs: Vec::new() })
    }

    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Writes a run, whose keys come in order. After an error, and after a panic, it is not there.
    pub(crate) fn write(
        &mut self,
        records: impl FnOnce(&mut Writer<'_>) -> Result<(), ScratchError>,
    ) -> Result<u64, ScratchError> {
        let start = self.file.len();
        let mut writer =
            Writer { whole: false, start, file: &mut self.file, buffer: Vec::with_capacity(2 * BUFFER) };
        records(&mut writer)?;
        writer.flush()?;
        writer.whole = true;
        drop(writer);
        let end = self.file.len();
        self.runs.push(Run { start, end });
        Ok(end - start)
    }

    /// Readers of all runs, each from its start.
    pub(crate) fn into_readers(self) -> impl Iterator<Item = Reader> {
        let file = Arc::new(self.file);
        self.runs.into_iter().map(move |run| Reader { file: file.clone(), run, buffer: Vec::new(), next: 0 })
    }
}

/// Of one run.
pub(crate) struct Writer<'f> {
    file: &'f mut ScratchFile,
    start: u64,
    buffer: Vec<u8>,
    whole: bool,
}

impl Writer<'_> {
    pub(crate) fn push<V: Stored>(&mut self, key: &[u8], value: &V) -> Result<(), ScratchError> {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEAD]);
        self.buffer.extend_from_slice(key);
        value.store(&mut self.buffer);
        let value_len = self.buffer.len() - at - HEAD - key.len();
        let too_long = || self.file.scratch().damaged(self.file.len());
        let lens = [key.len(), value_len].map(|len| u32::try_from(len).map(u32::to_le_bytes));
        let [Ok(key_len), Ok(value_len)] = lens else { return Err(too_long()) };
        self.buffer[at..][..4].copy_from_slice(&key_len);
        self.buffer[at + 4..][..4].copy_from_slice(&value_len);
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), ScratchError> {
        self.file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.whole {
            self.file.truncate(self.start);
        }
    }
}

/// Of one run.
#[derive(Debug)]
pub(crate) struct Reader {
    file: Arc<ScratchFile>,
    /// What was not read yet.
    run: Run,
    buffer: Vec<u8>,
    /// Where the next record starts in `buffer`.
    next: usize,
}

impl Reader {
    /// The next key and value; `None` at the end of the run.
    pub(crate) fn next<V: Stored>(&mut self) -> Result<Option<(Vec<u8>, V)>, ScratchError> {
        if self.next == self.buffer.len() && self.run.start == self.run.end {
            return Ok(None);
        }
        self.need(HEAD)?;
        let len = |at: usize| {
            self.buffer[self.next + at..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize)
        };
        let (key_len, value_len) = (len(0), len(4));
        self.need(HEAD + key_len + value_len)?;
        let (key, mut value) = self.buffer[self.next + HEAD..][..key_len + value_len].split_at(key_len);
        let loaded = V::load(&mut value).filter(|_| value.is_empty());
        let loaded = loaded.ok_or_else(|| self.file.scratch().damaged(self.run.start))?;
        let key = key.to_vec();
        self.next += HEAD + key_len + value_len;
        Ok(Some((key, loaded)))
    }

    /// Sees to it that so many bytes of the next record are in the buffer.
    fn need(&mut self, bytes: usize) -> Result<(), ScratchError> {
        let have = self.buffer.len() - self.next;
        if have >= bytes {
            return Ok(());
        }
        let left = self.run.end - self.run.start;
        let more = ((bytes - have).max(BUFFER) as u64).min(left) as usize;
        if have + more < bytes {
            return Err(self.file.scratch().damaged(self.run.start));
        }
        self.buffer.drain(..self.next);
        self.next = 0;
        // One record may be long; the next ones are not.
        if self.buffer.capacity() > 4 * BUFFER {
            self.buffer.shrink_to(have + more);
        }
        self.buffer.resize(have + more, 0);
        self.file.read(self.run.start, &mut self.buffer[have..])?;
        self.run.start += more as u64;
        Ok(())
    }
}
