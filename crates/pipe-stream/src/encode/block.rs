//! Encoded records on their way to a sink.

use pipe_core::{Spares, Weigh};
use std::fmt;

/// Records as they stand in the file, one behind the other; what [`Encode::encode`](crate::Encode::encode) emits and sinks write as it is.
///
/// When it is dropped its buffer goes back to the worker that filled it.
pub struct Block {
    bytes: Vec<u8>,
    records: usize,
    spares: Option<Spares<u8>>,
}

impl Block {
    /// About the size of a block: beyond it a write costs nothing next to the copy into the kernel, and it stays in the L2 cache until it is
    /// written.
    pub(crate) const BYTES: usize = 256 << 10;

    /// A larger buffer is freed: one record of 64 MiB does not keep 64 MiB for the rest of the run.
    const KEPT: usize = 4 * Block::BYTES;

    pub(crate) fn new(bytes: Vec<u8>, records: usize, spares: Option<&Spares<u8>>) -> Self {
        Block { bytes, records, spares: spares.cloned() }
    }

    /// The encoded records.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub fn records(&self) -> usize {
        self.records
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take().filter(|_| self.bytes.capacity() <= Block::KEPT) {
            spares.give(std::mem::take(&mut self.bytes));
        }
    }
}

/// The copy has a buffer of its own.
impl Clone for Block {
    fn clone(&self) -> Self {
        Block { bytes: self.bytes.clone(), records: self.records, spares: None }
    }
}

impl Weigh for Block {
    fn heap(&self) -> usize {
        self.bytes.capacity()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("bytes", &self.bytes.len()).field("records", &self.records).finish()
    }
}
