//! Groups that go to disk when they become too many.

use super::Groups;
use crate::spill::{Inputs, Merged, Runs, Scratch, ScratchError, Stored};
use pipe_core::{BoxError, Spill, Weigh};
use std::fmt;

/// [`Groups`] for more keys than fit into memory: a fold by key that spills.
///
/// With `.spilling()` behind the fold, each accumulator that has more than its part of the run's memory limit is written to a temporary
/// file, sorted by key, and begins anew. At the end what lies there is read again and merged, key by key and in order.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Scratch, SpillingGroups, Text};
///
/// let scratch = Scratch::new(std::env::temp_dir(), 1 << 30);
/// let words = Text::new(b"to\nbe\nor\nnot\nto\nbe".to_vec()).pipeline().fold(
///     || SpillingGroups::new(&scratch, |all: &mut u64, part| *all += part),
///     |groups, word| *groups.at(word) += 1,
///     SpillingGroups::merge,
/// );
/// let counts = words.spilling().run_on(&Inline)?.value;
/// let counts: Vec<_> = counts.into_sorted()?.collect::<Result<_, _>>()?;
/// assert_eq!(counts[0], (b"be".to_vec(), 2));
/// assert_eq!(counts.len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Costs
///
/// As long as nothing is spilled those of [`Groups`]. A group that is spilled is sorted, written and read once; where there are more than
/// 32 spills, once more for each power of 32. Reading takes 8 KiB for each of up to 32 sorted pieces, and what is still in memory: this is
/// after the run, and outside of its limit. While two accumulators are merged nothing is written.
///
/// The last argument of [`fold`](pipe_core::Pipeline::fold) must give the same result however items are distributed, and so must the
/// function that merges two values of a key.
pub struct SpillingGroups<V> {
    groups: Groups<V>,
    /// Those of other workers.
    others: Vec<Groups<V>>,
    /// This worker's first, if it has any.
    spilled: Vec<Runs>,
    merge: fn(&mut V, V),
    scratch: Scratch,
}

impl<V> SpillingGroups<V> {
    /// No groups. `merge` puts the second of two values of a key into the first. Makes no file before it is needed.
    pub fn new(scratch: &Scratch, merge: fn(&mut V, V)) -> Self {
        let (groups, scratch) = (Groups::new(), scratch.clone());
        SpillingGroups { groups, others: Vec::new(), spilled: Vec::new(), merge, scratch }
    }

    /// The value of this key, since the last spill. A key that is new gets the default value.
    #[inline(always)]
    pub fn at(&mut self, key: &[u8]) -> &mut V
    where
        V: Default,
    {
        self.groups.at(key)
    }

    /// The same, where a key that is new gets what `new` makes.
    #[inline(always)]
    pub fn at_or_else(&mut self, key: &[u8], new: impl FnOnce() -> V) -> &mut V {
        self.groups.at_or_else(key, new)
    }

    /// Takes all of `other` in: the last argument of [`fold`](pipe_core::Pipeline::fold). Neither looks at the keys nor at the disk.
    pub fn merge(&mut self, other: Self) {
        self.others
            .extend([other.groups].into_iter().chain(other.others).filter(|groups| !groups.is_empty()));
        self.spilled.extend(other.spilled);
    }

    /// How many sorted pieces are on disk.
    pub fn spills(&self) -> usize {
        self.spilled.iter().map(Runs::len).sum()
    }
}

impl<V: Stored + Send + 'static> SpillingGroups<V> {
    /// Keys and values, in the order of the bytes of the keys.
    ///
    /// # Errors
    /// What the disk says. Where there are more than 32 pieces, some are merged here.
    pub fn into_sorted(self) -> Result<SortedGroups<V>, ScratchError> {
        let in_memory = [self.groups].into_iter().chain(self.others).filter(|groups| !groups.is_empty());
        let in_memory = in_memory.map(|groups| Box::new(groups.into_ordered()) as Box<_>).collect();
        let merged = Merged::new(Inputs { on_disk: self.spilled, in_memory }, self.merge, &self.scratch)?;
        Ok(SortedGroups { merged: Some(merged) })
    }
}

/// The table and the keys in memory, and what the values there own.
impl<V: Weigh> Weigh for SpillingGroups<V> {
    fn heap(&self) -> usize {
        self.groups.heap() + self.others.iter().map(Weigh::heap).sum::<usize>()
    }
}

impl<V: Stored + Weigh> Spill for SpillingGroups<V> {
    fn spill(&mut self) -> Result<u64, BoxError> {
        if self.groups.is_empty() {
            return Ok(0);
        }
        if self.spilled.is_empty() {
            self.spilled.push(Runs::new(&self.scratch)?);
        }
        let written = self.spilled[0].write(|writer| {
            self.groups.ordered().into_iter().try_for_each(|(key, value)| writer.push(key, value))
        })?;
        self.groups = Groups::new();
        Ok(written)
    }
}

impl<V> fmt::Debug for SpillingGroups<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_memory = self.groups.len();
        f.debug_struct("SpillingGroups")
            .field("in_memory", &in_memory)
            .field("spills", &self.spills())
            .finish()
    }
}

/// Keys and values in order, read from disk as they are asked for: what [`SpillingGroups::into_sorted`] gives. Nothing comes after an error.
pub struct SortedGroups<V> {
    /// `None` after an error.
    merged: Option<Merged<V>>,
}

impl<V: Stored> Iterator for SortedGroups<V> {
    type Item = Result<(Vec<u8>, V), ScratchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.merged.as_mut()?.next();
        if next.is_err() {
            self.merged = None;
        }
        next.transpose()
    }
}

impl<V> fmt::Debug for SortedGroups<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SortedGroups").finish_non_exhaustive()
    }
}
