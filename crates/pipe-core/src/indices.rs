//! A range of indices, whose batches take no room: a part of the range each.

use crate::adapters::Identity;
use crate::batch::{Batch, Reread};
use crate::item::Own;
use crate::lower::Start;
use crate::pipeline::Pipeline;
use crate::source::{Source, Want};
use crate::stage::{BoxError, Flow};
use std::ops::Range;

/// Starts a pipeline over the indices of a range: for data that is in memory already, or made from its index. Positions are the indices.
///
/// Nothing is copied between source and stages: a batch is a part of the range, which any worker may get and halve again. So a reduction over
/// cheap items pays on several threads that [`from_iter`](crate::from_iter) would lose by moving them. Stages may borrow what they index:
///
/// ```
/// use pipe_core::{Inline, from_range};
///
/// let prices = vec![3, 1, 4, 1, 5];
/// let total = from_range(0..prices.len()).fold(|| 0, |sum, i| *sum += prices[i], |all, part| *all += part);
/// assert_eq!(total.run_on(&Inline)?.value, 14);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// Over very cheap items let the closure own the slice: `let prices = &prices[..];` and `move |i| ..` save two loads an item.
///
/// An end before the start is an empty range, as in a loop.
pub fn from_range(range: Range<usize>) -> Pipeline<Start<FromRange>, Identity, Own<usize>> {
    Pipeline::start(FromRange::new(range))
}

/// The source of [`from_range`].
#[derive(Debug)]
pub struct FromRange {
    left: Range<usize>,
}

/// An executor that asks for as many items as there may be in a batch has cheap ones, and asks for no more because of the room that items take. These take
/// none: 32,768 of 2 ns are a batch of 65 us.
const MORE: usize = 4;

impl FromRange {
    /// A range where a source is asked for: in a fan-in, say. A pipeline starts with [`from_range`].
    pub fn new(range: Range<usize>) -> Self {
        FromRange { left: range }
    }
}

impl Source for FromRange {
    type Item = Own<usize>;
    type Batch = Indices;

    fn pull(&mut self, want: Want) -> Result<Option<Indices>, BoxError> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let items = if want.items >= Want::MOST.items { want.items.saturating_mul(MORE) } else { want.items };
        let start = self.left.start;
        self.left.start = start.saturating_add(items.max(1)).min(self.left.end);
        Ok(Some(Indices { left: start..self.left.start, last: 0 }))
    }
}

/// The batch of [`FromRange`].
#[derive(Debug)]
pub struct Indices {
    left: Range<usize>,
    /// The index lent last.
    last: usize,
}

impl Batch for Indices {
    type Item<'a> = usize;

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }

    fn payload(&self) -> usize {
        self.left.len() * size_of::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl FnMut(u64, usize) -> Flow) -> usize {
        let start = self.left.start;
        let end = self.left.end.min(start.saturating_add(limit));
        // A local, so that it lives in a register; written back on the way out, also when `each` panics.
        let mut cursor = Cursor { batch: self, next: start };
        while cursor.next < end {
            let index = cursor.next;
            cursor.next += 1;
            if each(index as u64, index).is_break() {
                break;
            }
        }
        cursor.next - start
    }

    fn position(&self) -> u64 {
        self.last as u64
    }

    fn split(&mut self) -> Option<Self> {
        let middle = self.left.start + self.left.len().div_ceil(2);
        let back = middle..self.left.end;
        self.left.end = middle;
        (!back.is_empty()).then_some(Indices { left: back, last: 0 })
    }
}

impl Reread for Indices {
    fn reread(&self) -> Option<Self> {
        let next = self.left.start;
        (!self.left.is_empty()).then_some(Indices { left: next..next + 1, last: 0 })
    }
}

struct Cursor<'b> {
    batch: &'b mut Indices,
    next: usize,
}

impl Drop for Cursor<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.next > self.batch.left.start {
            (self.batch.left.start, self.batch.last) = (self.next, self.next - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inline, RunError, from_iter};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_range_gives_what_a_loop_over_it_would() {
        #[expect(clippy::reversed_empty_ranges, reason = "it is to be empty")]
        let ranges = [0..0, 5..3, 0..1, 3..4, 0..100_000, usize::MAX - 9..usize::MAX];
        for range in ranges {
            let ours = from_range(range.clone()).filter(|i| i % 3 == 0).collect().run_on(&Inline).unwrap();
            let theirs = from_iter(range).filter(|i| i % 3 == 0).collect().run_on(&Inline).unwrap();
            assert_eq!(ours.value, theirs.value);
        }
    }

    #[test]
    fn batches_have_what_is_wanted_and_more_where_that_is_the_most() {
        let mut source = FromRange::new(10..1_000_000);
        let mut pull = |items| {
            let batch = source.pull(Want { items, bytes: 1 }).unwrap().unwrap();
            (batch.left.start, batch.left.len())
        };
        assert_eq!((pull(1), pull(0), pull(100)), ((10, 1), (11, 1), (12, 100)));
        assert_eq!(pull(Want::MOST.items), (112, MORE * Want::MOST.items));
    }

    #[test]
    fn halves_hold_all_indices_at_their_positions() {
        for len in 0..9usize {
            for lent in 0..=len {
                let mut front = Indices { left: 100..100 + len, last: 0 };
                let mut seen = Vec::new();
                assert_eq!(front.drive(lent, |_, _| Flow::Continue(())), lent);
                let back = front.split();
                for mut half in [Some(front), back].into_iter().flatten() {
                    while half.drive(1, |at, index| {
                        assert_eq!(at, index as u64);
                        seen.push(index);
                        Flow::Continue(())
                    }) > 0
                    {
                        assert_eq!(half.position(), *seen.last().unwrap() as u64);
                    }
                }
                assert_eq!(seen, (100 + lent..100 + len).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn position_names_the_index_lent_last_also_after_a_break_or_a_panic() {
        let mut batch = Indices { left: 40..50, last: 0 };
        let broke = batch.drive(9, |_, i| if i == 42 { Flow::Break(()) } else { Flow::Continue(()) });
        assert_eq!((broke, batch.position(), batch.reread().unwrap().left), (3, 42, 43..44));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            batch.drive(9, |_, i| if i == 45 { panic!("45") } else { Flow::Continue(()) })
        }));
        assert!(panicked.is_err());
        assert_eq!((batch.position(), batch.left.clone()), (45, 46..50));
    }

    #[test]
    fn a_failure_names_its_index() {
        let fail = |i: usize| if i == 77 { Err("seventy-seven") } else { Ok(i) };
        let error = from_range(50..100).try_map(fail).for_each(drop).run_on(&Inline).unwrap_err();
        let RunError::Stage { at, .. } = error else { panic!("{error}") };
        assert_eq!(at.map(|at| at.place()), Some(77));
    }
}
