//! Encoded records on their way to a sink.

use pipe_core::{Spares, Weigh};
use std::fmt;

/// Records as they stand in the file, one behind the other; what [`Encode::encode`](crate::Encode::encode) emits and sinks write as it is.
///
/// When it is dropped its buffer goes back to the worker that filled it.
pub struct Block {
    bytes: Vec<u8>,
    /// Where each record starts: so a sink can cut a block between any two.
    starts: Vec<u32>,
    spares: Option<BlockSpares>,
}

/// Buffers of blocks that were written, for the next ones.
#[derive(Clone, Default)]
pub(crate) struct BlockSpares {
    pub(crate) bytes: Spares<u8>,
    pub(crate) starts: Spares<u32>,
}

impl Block {
    /// About the size of a block: beyond it a write costs nothing next to the copy into the kernel, and it stays in the L2 cache until it is
    /// written.
    pub(crate) const BYTES: usize = 256 << 10;

    /// A larger buffer is freed: one record of 64 MiB does not keep 64 MiB for the rest of the run.
    const KEPT: usize = 4 * Block::BYTES;

    /// The most records in a block: then the places where they start take no more than their bytes may.
    pub(crate) const RECORDS: usize = Block::BYTES / size_of::<u32>();

    /// Records that start at these places.
    pub(crate) fn new(bytes: Vec<u8>, starts: Vec<u32>, spares: Option<&BlockSpares>) -> Self {
        Block { bytes, starts, spares: spares.cloned() }
    }

    /// Bytes of no record, or of records that are not told apart any more.
    pub(crate) fn of_bytes(bytes: Vec<u8>, spares: Option<&BlockSpares>) -> Self {
        Block::new(bytes, Vec::new(), spares)
    }

    /// The encoded records.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub fn records(&self) -> usize {
        self.starts.len()
    }

    /// Where the record at this index starts; the end of the last one behind that.
    pub(crate) fn start(&self, record: usize) -> usize {
        self.starts.get(record).map_or(self.bytes.len(), |start| *start as usize)
    }

    /// How many records, from `first` on, end at or before `end`.
    pub(crate) fn ended_by(&self, first: usize, end: usize) -> usize {
        if end >= self.bytes.len() {
            return self.records() - first;
        }
        // The record behind the last one that fits starts at or before `end`.
        self.starts[first + 1..].partition_point(|start| *start as usize <= end)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take().filter(|_| self.bytes.capacity() <= Block::KEPT) {
            spares.bytes.give(std::mem::take(&mut self.bytes));
            spares.starts.give(std::mem::take(&mut self.starts));
        }
    }
}

/// The copy has a buffer of its own.
impl Clone for Block {
    fn clone(&self) -> Self {
        Block::new(self.bytes.clone(), self.starts.clone(), None)
    }
}

impl Weigh for Block {
    fn heap(&self) -> usize {
        self.bytes.capacity() + self.starts.capacity() * size_of::<u32>()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("bytes", &self.bytes.len()).field("records", &self.records()).finish()
    }
}
