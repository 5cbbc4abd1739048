//! A queue on disk.

use super::reader::Reader;
use super::{Scratch, ScratchError, ScratchFile, Stored};
use pipe_core::{Backlog, BoxError, Position};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Where the items of a branch wait for which its edge has no room: in a temporary file.
///
/// So a reader that is slow for a while does not hold up who writes, and memory stays within the bound of the edge.
///
/// ```
/// use pipe_core::{Bound, Event, Inline, branch, from_iter, from_source};
/// use pipe_stream::{DiskQueue, Scratch};
///
/// let scratch = Scratch::new(std::env::temp_dir(), 1 << 30);
/// let (into, out) = branch("late", Bound { items: 10, ..Bound::default() })?;
/// let into = into.spilling(DiskQueue::new(&scratch));
/// from_iter(0..1_000u64).to(into).run_on(&Inline)?;      // nobody reads yet
/// let report = from_source(out).collect().run_on(&Inline)?;
/// assert_eq!(report.value, (0..1_000).collect::<Vec<_>>());
/// assert!(matches!(report.events[..], [Event::Spilled { times: 990, .. }]));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// It writes 64 KiB at a time and reads 8, so it has that much in memory, and twice the longest item; a short queue needs no file. Two
/// files take turns, one being written while the other is read: what was read is given back to the disk when the reader comes to the end
/// of a file, so up to twice of what waits may be there.
pub struct DiskQueue<T> {
    scratch: Scratch,
    /// What came first.
    reading: Option<Reader>,
    writing: Option<ScratchFile>,
    /// What came last, and is not in `writing` yet.
    buffer: Vec<u8>,
    items: PhantomData<fn() -> T>,
}

const BUFFER: usize = 64 << 10;

/// The length of what is stored, and the position.
const HEAD: usize = 16;

impl<T> DiskQueue<T> {
    /// An empty one. It makes no file before it is needed.
    pub fn new(scratch: &Scratch) -> Self {
        let scratch = scratch.clone();
        DiskQueue { scratch, reading: None, writing: None, buffer: Vec::new(), items: PhantomData }
    }

    fn flush(&mut self) -> Result<(), ScratchError> {
        let file = match &mut self.writing {
            Some(file) => file,
            none => none.insert(self.scratch.file()?),
        };
        file.append(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// What came first, after what is being read.
    fn turn(&mut self) {
        self.reading = match self.writing.take() {
            Some(file) => {
                let all = 0..file.len();
                Some(Reader::new(Arc::new(file), all))
            }
            None => Some(Reader::of_buffer(&self.scratch, std::mem::take(&mut self.buffer))),
        };
    }
}

impl<T: Stored> Backlog<T> for DiskQueue<T> {
    fn push(&mut self, position: Position, item: T) -> Result<u64, BoxError> {
        // Put together first: what panics half way must not stay.
        let mut record = vec![0; HEAD];
        item.store(&mut record);
        let len = record.len() - HEAD;
        record[..8].copy_from_slice(&(len as u64).to_le_bytes());
        record[8..HEAD].copy_from_slice(&position.raw().to_le_bytes());
        self.buffer.extend_from_slice(&record);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(record.len() as u64)
    }

    fn pop(&mut self) -> Result<Option<(Position, T)>, BoxError> {
        if self.reading.as_ref().is_none_or(Reader::is_at_end) {
            self.reading = None;
            self.turn();
        }
        let Some(reading) = self.reading.as_mut().filter(|reading| !reading.is_at_end()) else {
            return Ok(None);
        };
        let head = reading.take(HEAD)?;
        let number = |at: usize| head[at..].first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        let (len, position) = (number(0), Position::from_raw(number(8)));
        let mut stored = reading.take(usize::try_from(len)?)?;
        let item = T::load(&mut stored).filter(|_| stored.is_empty());
        Ok(Some((position, item.ok_or_else(|| reading.damaged())?)))
    }
}

impl<T> fmt::Debug for DiskQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskQueue").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}
