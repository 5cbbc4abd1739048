//! What crosses an edge: a batch that owns its data and lends its items.

use crate::opaque::opaque;
use crate::stage::{BoxError, Flow};
use std::sync::{Arc, Mutex, PoisonError};
use std::{mem, vec};

/// Items that travel together. A batch owns what it lends, therefore it may move to another thread; the items may not outlive it.
///
/// Laws: items come in order and once; after `drive` has lent `n` items they are gone;
/// `position` names the item lent last, also when `each` broke or panicked.
pub trait Batch: Sized {
    /// The item, as it is lent. No `where Self: 'a`: items are lent to a callback.
    type Item<'a>;

    /// The bytes that this batch keeps alive, counted against the run's memory limit.
    fn bytes(&self) -> usize;

    /// The bytes of the items that are left; fewer than `bytes` where a buffer is larger than what was read into it.
    fn payload(&self) -> usize {
        self.bytes()
    }

    /// Reads what it stands for, if it stands for something that is still to be read: the part of a file, say. Executors call it before
    /// they drive the batch, on the thread that will, outside the source lock: so several workers read at once. Called again it does
    /// nothing.
    ///
    /// Before it, `bytes` and `payload` are what the batch will need; after it the batch may turn out to have no item.
    ///
    /// # Errors
    /// Whatever keeps it from being read. The run ends with [`RunError::Source`](crate::RunError::Source).
    fn load(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Whether what it has lent so far was what it seemed to be, where that is only known afterwards: a mapped file may be cut while its
    /// records are looked at. Executors ask each time they have driven the batch, before they hand on what became of its items; only
    /// outputs that filled a buffer in the middle of a batch were handed on before. The run fails all the same, and its sink does not commit.
    ///
    /// # Errors
    /// What was wrong with them. The run ends with [`RunError::Source`](crate::RunError::Source), also if a stage failed because of it.
    fn check(&self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Whether it is known that no item is left. `false` is never wrong; it costs one more call of `drive`.
    fn is_empty(&self) -> bool {
        false
    }

    /// Lends up to `limit` items in order, each with its position, and returns how many; fewer than `limit` means that the batch is
    /// empty or `each` broke.
    ///
    /// A position is where the item was in the source: its index for items, its byte offset for bytes.
    fn drive(&mut self, limit: usize, each: impl for<'a> FnMut(u64, Self::Item<'a>) -> Flow) -> usize;

    /// The position of the item lent last, also after `each` broke or panicked. Zero before any was lent.
    ///
    /// Beside the argument of `each`, because a chain that ignores that argument pays nothing for it, and only asks here when
    /// something went wrong.
    fn position(&self) -> u64;

    /// Gives away the back half of what is left, if there is enough to share.
    fn split(&mut self) -> Option<Self> {
        None
    }

    /// The item that was lent at this position, as it stands in the input, for dead letters. `None` where items are not bytes, or are
    /// gone once they were lent.
    fn record(&self, position: u64) -> Option<&[u8]> {
        let _ = position;
        None
    }
}

/// A batch whose next item can be had twice: borrowed rows are read again, owned items are cloned. What
/// [`Pipeline::retry`](crate::Pipeline::retry) asks for.
pub trait Reread: Batch {
    /// A batch of the next item alone, at its position; the item stays in this batch too. `None`: there is none.
    fn reread(&self) -> Option<Self>;
}

/// Owned items.
///
/// When it is dropped its buffer goes back to the [`Spares`] it came from, if any: also from another thread, so a worker does not
/// allocate per batch.
pub struct Items<T> {
    items: vec::IntoIter<T>,
    /// How many were lent.
    lent: usize,
    positions: Positions,
    /// What the items own elsewhere, in bytes, when they were put here.
    heap: usize,
    spares: Option<Spares<T>>,
}

opaque!([T] Items[T]);

/// Where items were in the source.
enum Positions {
    /// One after the other, from this one on.
    From(u64),
    /// Each its own; as many as there were items.
    Each(Vec<u64>),
}

impl Positions {
    // No panic inside: then the optimiser may drop the call where nobody looks at the result.
    #[inline(always)]
    fn of(&self, index: usize) -> u64 {
        match self {
            Positions::From(first) => first.wrapping_add(index as u64),
            Positions::Each(each) => each.get(index).copied().unwrap_or(0),
        }
    }
}

impl<T> Items<T> {
    /// Items that stood one after the other in the source, the first at `first`.
    pub fn new(first: u64, items: Vec<T>) -> Self {
        Items { items: items.into_iter(), lent: 0, positions: Positions::From(first), heap: 0, spares: None }
    }

    /// Items at the positions given ([`Position::raw`](crate::Position::raw)): one per item.
    ///
    /// # Panics
    /// There are not as many positions as items.
    pub fn at(positions: Vec<u64>, items: Vec<T>) -> Self {
        assert_eq!(positions.len(), items.len(), "one position per item");
        Items {
            items: items.into_iter(),
            lent: 0,
            positions: Positions::Each(positions),
            heap: 0,
            spares: None,
        }
    }

    /// Says how many bytes the items own elsewhere, all together.
    pub fn owning(mut self, heap: usize) -> Self {
        self.heap = heap;
        self
    }

    /// The next item and its position.
    pub fn next_at(&mut self) -> Option<(u64, T)> {
        let item = self.next()?;
        Some((Batch::position(self), item))
    }

    /// The position of the next item, if those that are left stood one after the other in the source.
    pub fn consecutive_from(&self) -> Option<u64> {
        match self.positions {
            Positions::From(first) => Some(first.wrapping_add(self.lent as u64)),
            Positions::Each(_) => None,
        }
    }

    /// Drops all but the next `len` items.
    pub(crate) fn truncate(&mut self, len: usize) {
        let mut items: Vec<T> = mem::take(&mut self.items).collect();
        items.truncate(len);
        self.items = items.into_iter();
    }

    /// Lets the buffer go back to `spares` when the batch is dropped.
    pub fn returning_to(mut self, spares: &Spares<T>) -> Self {
        self.spares = Some(spares.clone());
        self
    }

    /// How many items are left.
    #[expect(clippy::len_without_is_empty, reason = "`Batch` has it")]
    pub fn len(&self) -> usize {
        self.items.len()
    }
}

impl<T> Iterator for Items<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let item = self.items.next()?;
        self.lent += 1;
        Some(item)
    }
}

impl<T> Batch for Items<T> {
    type Item<'a> = T;

    fn bytes(&self) -> usize {
        // The heap of items that were lent already counts until the batch goes: nobody weighs them again.
        self.items.len() * size_of::<T>() + self.heap
    }

    fn is_empty(&self) -> bool {
        self.items.len() == 0
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl FnMut(u64, T) -> Flow) -> usize {
        let before = self.items.len();
        let mut left = limit.min(before);
        // The cursor is a local, so that it lives in a register and not behind `&mut self`; its `Drop` writes it back, also when
        // `each` panics.
        let mut index = self.lent;
        let mut cursor = Cursor { items: mem::take(&mut self.items), batch: self, before };
        while left > 0 {
            let Some(item) = cursor.items.next() else { break };
            let at = cursor.batch.positions.of(index);
            (left, index) = (left - 1, index + 1);
            if each(at, item).is_break() {
                break;
            }
        }
        before - cursor.items.len()
    }

    fn position(&self) -> u64 {
        if self.lent == 0 { 0 } else { self.positions.of(self.lent - 1) }
    }

    fn split(&mut self) -> Option<Self> {
        let keep = self.items.len().div_ceil(2);
        if keep == self.items.len() {
            return None;
        }
        let mut front: Vec<T> = mem::take(&mut self.items).collect();
        let back = front.split_off(keep);
        self.items = front.into_iter();
        let positions = match &mut self.positions {
            Positions::From(first) => Positions::From(*first + (self.lent + keep) as u64),
            Positions::Each(each) => Positions::Each(each.split_off(self.lent + keep)),
        };
        let heap = self.heap / 2;
        self.heap -= heap;
        Some(Items { items: back.into_iter(), lent: 0, positions, heap, spares: self.spares.clone() })
    }
}

impl<T: Clone> Reread for Items<T> {
    fn reread(&self) -> Option<Self> {
        let item = self.items.as_slice().first()?.clone();
        Some(Items::new(self.positions.of(self.lent), vec![item]))
    }
}

impl<T> Drop for Items<T> {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take() {
            self.items.by_ref().for_each(drop);
            spares.give(emptied(mem::take(&mut self.items)));
        }
    }
}

struct Cursor<'b, T> {
    items: vec::IntoIter<T>,
    batch: &'b mut Items<T>,
    before: usize,
}

impl<T> Drop for Cursor<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.batch.lent += self.before - self.items.len();
        self.batch.items = mem::take(&mut self.items);
    }
}

/// The buffer of an iterator that has given all its items.
///
/// `map` makes `collect` take its in-place path, which keeps the allocation however little is left of it. If the standard library
/// ever stops doing so, this still is right and costs one allocation per batch.
fn emptied<T>(items: vec::IntoIter<T>) -> Vec<T> {
    #[expect(clippy::map_identity, reason = "a plain `collect` of a mostly consumed iterator allocates anew")]
    items.map(|item| item).collect()
}

/// Empty buffers on their way to be filled again. Clones share them. At most eight are kept.
pub struct Spares<T> {
    buffers: Arc<Mutex<Vec<Vec<T>>>>,
}

opaque!([T] Spares[T]);

/// Enough for the batches that one worker has in flight beside the one it fills; more are freed.
const SPARES_KEPT: usize = 8;

impl<T> Spares<T> {
    /// An empty stock of buffers.
    pub fn new() -> Self {
        Spares { buffers: Arc::default() }
    }

    /// An empty buffer, with its old capacity if there is a spare one.
    pub fn take(&self) -> Vec<T> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a buffer back: empties it, and keeps it if there is room.
    pub fn give(&self, mut buffer: Vec<T>) {
        buffer.clear();
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < SPARES_KEPT && buffer.capacity() > 0 {
            buffers.push(buffer);
        }
    }
}

impl<T> Clone for Spares<T> {
    fn clone(&self) -> Self {
        Spares { buffers: self.buffers.clone() }
    }
}

impl<T> Default for Spares<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_dropped_batch_gives_its_buffer_back_whole() {
        for consumed in [0, 1, 50, 99, 100] {
            let spares = Spares::new();
            let mut items = Vec::with_capacity(128);
            items.extend(0..100u64);
            let mut batch = Items::new(0, items).returning_to(&spares);
            assert_eq!(batch.drive(consumed, |_, _| Flow::Continue(())), consumed);
            drop(batch);
            assert_eq!(spares.take().capacity(), 128, "after {consumed} of 100 items");
        }
    }

    #[test]
    fn position_names_the_item_lent_last_also_after_a_panic() {
        let mut batch = Items::new(40, (0..10u64).collect());
        assert_eq!(batch.drive(3, |_, _| Flow::Continue(())), 3);
        assert_eq!(batch.position(), 42);
        let broke = batch.drive(9, |_, item| if item == 5 { Flow::Break(()) } else { Flow::Continue(()) });
        assert_eq!((broke, batch.position()), (3, 45));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            batch.drive(9, |_, item| if item == 7 { panic!("seven") } else { Flow::Continue(()) })
        }));
        assert!(panicked.is_err());
        assert_eq!((batch.position(), batch.len()), (47, 2));
    }

    #[test]
    fn halves_hold_all_items_at_their_positions() {
        for len in 0..9u64 {
            for lent in 0..=len as usize {
                let mut front = Items::new(100, (100..100 + len).collect());
                front.drive(lent, |_, _| Flow::Continue(()));
                let back = front.split();
                let mut seen = Vec::new();
                for mut half in [Some(front), back].into_iter().flatten() {
                    while half.drive(1, |_, item| {
                        seen.push(item);
                        Flow::Continue(())
                    }) > 0
                    {
                        assert_eq!(half.position(), *seen.last().unwrap());
                    }
                }
                assert_eq!(seen, (100 + lent as u64..100 + len).collect::<Vec<_>>());
            }
        }
    }
}
