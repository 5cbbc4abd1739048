//! Encoded records, each with the key of the file that it goes to.

use crate::encode::{Block, Encoder};
use crate::groups::Groups;
use pipe_core::{BoxError, Emit, Flow, Sharing, Stage, Step, Weigh};
use std::fmt;
use std::mem;

/// Records as they will stand in the files of their keys, one behind the other; what [`Encode::encode_by`](crate::Encode::encode_by) emits
/// and [`PerKeySink`](crate::PerKeySink) takes apart.
#[derive(Default)]
pub struct KeyedBlock {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// The keys, one behind the other.
    keys: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    records: usize,
}

/// Records with the same key, one behind the other.
struct Run {
    key: usize,
    end: usize,
}

impl KeyedBlock {
    /// How many records there are.
    pub fn records(&self) -> usize {
        self.records
    }

    /// The keys that records in it have, each once.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|key| self.key(key))
    }

    /// Which key records have, and the records, in order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.runs
            .iter()
            .scan(0, |start, run| Some((run.key, &self.bytes[mem::replace(start, run.end)..run.end])))
    }

    fn key(&self, key: usize) -> &[u8] {
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        &self.keys[start..self.ends[key]]
    }

    fn is_full(&self) -> bool {
        const RUNS: usize = Block::BYTES / size_of::<Run>();
        self.bytes.len() >= Block::BYTES || self.runs.len() >= RUNS || self.keys.len() >= Block::BYTES
    }
}

impl Weigh for KeyedBlock {
    fn heap(&self) -> usize {
        self.bytes.capacity()
            + self.runs.capacity() * size_of::<Run>()
            + self.keys.capacity()
            + self.ends.capacity() * size_of::<usize>()
    }
}

impl fmt::Debug for KeyedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, keys) = (&self.bytes.len(), &self.ends.len());
        f.debug_struct("KeyedBlock")
            .field("bytes", bytes)
            .field("records", &self.records)
            .field("keys", keys)
            .finish()
    }
}

/// Encodes records by key; made by [`Encode::encode_by`](crate::Encode::encode_by).
pub struct EncodedBy<K, E> {
    pub(super) key: K,
    pub(super) encoder: E,
}

/// The block that a worker fills.
#[derive(Default)]
pub struct KeyedFilling {
    block: KeyedBlock,
    /// Which key of the block it is.
    index: Groups<usize>,
    /// That of the record that is being encoded.
    key: Vec<u8>,
}

impl KeyedFilling {
    /// What was encoded last has the key in `self.key`.
    fn add(&mut self) {
        let KeyedFilling { block, index, key } = self;
        block.records += 1;
        let end = block.bytes.len();
        let last = block.runs.last().map(|run| run.key);
        if last.is_some_and(|last| block.key(last) == &key[..]) {
            block.runs.last_mut().expect("there is one").end = end;
            return;
        }
        let next = block.ends.len();
        let key_of = *index.at_or_else(key, || next);
        if key_of == next {
            block.keys.extend_from_slice(key);
            block.ends.push(block.keys.len());
        }
        block.runs.push(Run { key: key_of, end });
    }

    #[cold]
    fn take(&mut self) -> KeyedBlock {
        self.index = Groups::new();
        let mut block = mem::take(&mut self.block);
        // A batch may leave a few bytes in a large buffer.
        block.bytes.shrink_to_fit();
        block
    }
}

impl<K, E: fmt::Debug> fmt::Debug for EncodedBy<K, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodedBy").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyedFilling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedFilling").field("block", &self.block).finish_non_exhaustive()
    }
}

impl<K: Send + Sync, E: Send + Sync> Stage for EncodedBy<K, E> {
    type State = KeyedFilling;

    const SHARING: Sharing = Sharing::PerWorker;

    fn state(&self) -> KeyedFilling {
        KeyedFilling::default()
    }

    fn state_bytes(&self, filling: &KeyedFilling) -> usize {
        filling.block.heap() + filling.index.heap() + filling.key.capacity()
    }
}

impl<In, K, E> Step<In> for EncodedBy<K, E>
where
    K: Fn(&In, &mut Vec<u8>) -> Result<(), BoxError> + Send + Sync,
    E: Encoder<In>,
{
    type Out = KeyedBlock;

    fn push<O: Emit<KeyedBlock>>(&self, filling: &mut KeyedFilling, record: In, out: &mut O) -> Flow {
        let before = filling.block.bytes.len();
        filling.key.clear();
        let keyed = (self.key)(&record, &mut filling.key);
        if let Err(error) = keyed.and_then(|()| self.encoder.encode(record, &mut filling.block.bytes)) {
            filling.block.bytes.truncate(before);
            return out.fail(error);
        }
        filling.add();
        if filling.block.is_full() { out.emit(filling.take()) } else { Flow::Continue(()) }
    }

    fn rest<O: Emit<KeyedBlock>>(&self, filling: &mut KeyedFilling, out: &mut O) -> Flow {
        if filling.block.records == 0 { Flow::Continue(()) } else { out.emit(filling.take()) }
    }

    fn finish<O: Emit<KeyedBlock>>(&self, mut filling: KeyedFilling, out: &mut O) -> Flow {
        self.rest(&mut filling, out)
    }
}
