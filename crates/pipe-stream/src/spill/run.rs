//! Sorted runs of keys and values in a temporary file.
//!
//! ```text
//! length of the key: u32 | length of the value: u32 | key | value
//! ```

use super::reader::Reader;
use super::{Scratch, ScratchError, ScratchFile, Stored};
use std::ops::Range;
use std::sync::Arc;

/// Where a run lies.
type Run = Range<u64>;

/// A file of runs.
#[derive(Debug)]
pub(crate) struct Runs {
    file: ScratchFile,
    runs: Vec<Run>,
}

/// Written at once.
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
        self.runs.push(start..end);
        Ok(end - start)
    }

    /// Readers of all runs, each from its start.
    pub(crate) fn into_readers(self) -> impl Iterator<Item = Reader> {
        let file = Arc::new(self.file);
        self.runs.into_iter().map(move |run| Reader::new(file.clone(), run))
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

/// The next key and value of a run; `None` at its end.
pub(crate) fn next<V: Stored>(run: &mut Reader) -> Result<Option<(Vec<u8>, V)>, ScratchError> {
    if run.is_at_end() {
        return Ok(None);
    }
    let head = run.take(HEAD)?;
    let len = |at: usize| head[at..].first_chunk().map_or(0, |len| u32::from_le_bytes(*len) as usize);
    let (key_len, value_len) = (len(0), len(4));
    let (key, mut value) = run.take(key_len + value_len)?.split_at(key_len);
    let loaded = V::load(&mut value).filter(|_| value.is_empty());
    let key = key.to_vec();
    loaded.map(|value| Some((key, value))).ok_or_else(|| run.damaged())
}
