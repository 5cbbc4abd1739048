//! Many sorted inputs as one.

use super::reader::Reader;
use super::run::{self, Runs};
use super::{Scratch, ScratchError, Stored};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Runs on disk, and what is still in memory, each sorted by key.
pub(crate) struct Inputs<V> {
    pub(crate) on_disk: Vec<Runs>,
    pub(crate) in_memory: Vec<Box<dyn Iterator<Item = (Vec<u8>, V)> + Send>>,
}

/// How many runs are read at once: each takes a buffer of 8 KiB. With more than these some are merged beforehand, so memory does not grow
/// with their number, and each record is written once more for each power of this.
const FAN_IN: usize = 32;

/// Keys in order, each once: what several inputs have of one is merged.
pub(crate) struct Merged<V> {
    inputs: Vec<Input<V>>,
    heads: BinaryHeap<Head<V>>,
    merge: fn(&mut V, V),
}

enum Input<V> {
    Run(Reader),
    Memory(Box<dyn Iterator<Item = (Vec<u8>, V)> + Send>),
}

struct Head<V> {
    key: Vec<u8>,
    value: V,
    input: usize,
}

impl<V: Stored> Merged<V> {
    pub(crate) fn new(
        inputs: Inputs<V>,
        merge: fn(&mut V, V),
        scratch: &Scratch,
    ) -> Result<Self, ScratchError> {
        let mut runs = inputs.on_disk;
        while runs.iter().map(Runs::len).sum::<usize>() > FAN_IN {
            let mut fewer = Runs::new(scratch)?;
            let mut readers = runs.into_iter().flat_map(Runs::into_readers).peekable();
            while readers.peek().is_some() {
                let some = readers.by_ref().take(FAN_IN).map(Input::Run).collect();
                let mut merged = Merged::over(some, merge)?;
                fewer.write(|writer| {
                    while let Some((key, value)) = merged.next()? {
                        writer.push(&key, &value)?;
                    }
                    Ok(())
                })?;
            }
            runs = vec![fewer];
        }
        let runs = runs.into_iter().flat_map(Runs::into_readers).map(Input::Run);
        Merged::over(runs.chain(inputs.in_memory.into_iter().map(Input::Memory)).collect(), merge)
    }

    fn over(inputs: Vec<Input<V>>, merge: fn(&mut V, V)) -> Result<Self, ScratchError> {
        let mut merged = Merged { heads: BinaryHeap::with_capacity(inputs.len()), inputs, merge };
        (0..merged.inputs.len()).try_for_each(|input| merged.advance(input))?;
        Ok(merged)
    }

    fn advance(&mut self, input: usize) -> Result<(), ScratchError> {
        let next = match &mut self.inputs[input] {
            Input::Run(reader) => run::next(reader)?,
            Input::Memory(groups) => groups.next(),
        };
        self.heads.extend(next.map(|(key, value)| Head { key, value, input }));
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Vec<u8>, V)>, ScratchError> {
        let Some(Head { key, mut value, input }) = self.heads.pop() else { return Ok(None) };
        self.advance(input)?;
        while self.heads.peek().is_some_and(|head| head.key == key)
            && let Some(same) = self.heads.pop()
        {
            (self.merge)(&mut value, same.value);
            self.advance(same.input)?;
        }
        Ok(Some((key, value)))
    }
}

/// The lowest key is the greatest head. Of equal ones the input that came first, so that the order of merging is fixed.
impl<V> Ord for Head<V> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then(other.input.cmp(&self.input))
    }
}

impl<V> PartialOrd for Head<V> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<V> PartialEq for Head<V> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<V> Eq for Head<V> {}
