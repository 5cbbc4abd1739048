//! What an async stage emits: all of it is weighed here when it comes, and kept here from its turn on until it is taken.

use crate::driver::Released;
use crate::slab::Thrown;
use pipe_core::plan::RunState;
use pipe_core::{Items, Spares};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Items in a batch of outputs.
const MOST_ITEMS: usize = 8_192;

/// Outputs of one stage.
pub(crate) struct Output<T> {
    /// Those whose turn it is.
    items: Vec<T>,
    positions: Positions,
    /// How many there are whose turn has not come.
    waiting: usize,
    weigher: Option<fn(&T) -> usize>,
    /// The largest one there may be, in bytes.
    most: usize,
    /// Of all that are there, released or not; counted if there is a weigher, else known.
    bytes: usize,
    seen: u64,
    seen_bytes: u64,
    spares: Spares<T>,
}

/// Where the released ones were in the source.
enum Positions {
    /// One after the other, from this one on. A position is a number without a meaning here: it may be the largest there is.
    From(u64),
    Each(Vec<u64>),
}

impl<T: Send + 'static> Output<T> {
    pub(crate) fn new(run: &RunState) -> Self {
        let most = run.budget().limit();
        Output {
            items: Vec::new(),
            positions: Positions::From(0),
            waiting: 0,
            // None is needed where all weigh the same and fit: that is seen once, and not for each.
            weigher: run.weigher().or((size_of::<T>() > most).then_some(|_| 0)),
            most,
            bytes: 0,
            seen: 0,
            seen_bytes: 0,
            spares: Spares::new(),
        }
    }

    /// As many wait to be taken as should: the reader is slow, and nothing more is started for now.
    pub(crate) const ENOUGH: usize = 2 * MOST_ITEMS;

    /// What there is to be taken, where a full batch has `most` bytes.
    pub(crate) fn released(&self, most: usize) -> Released {
        match self.items.len() {
            0 => Released::Nothing,
            items if items >= MOST_ITEMS.min(most / self.mean_bytes()) => Released::Batch,
            _ => Released::Some,
        }
    }

    /// How many are released.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The bytes of all outputs that are there, also of those that wait for their turn.
    pub(crate) fn bytes(&self) -> usize {
        match self.weigher {
            None => (self.items.len() + self.waiting) * size_of::<T>(),
            Some(_) => self.bytes,
        }
    }

    /// What an item keeps alive.
    pub(crate) fn weigh(&self, item: &T) -> usize {
        size_of::<T>() + self.weigher.map_or(0, |weigher| weigher(item))
    }

    /// Counts an output that is there. False if it is too large; then, and if weighing it panics, it does not count.
    #[inline]
    pub(crate) fn expect(&mut self, item: &T) -> Thrown<bool> {
        if self.weigher.is_none() {
            return Ok(true);
        }
        // The item's own code.
        let bytes = catch_unwind(AssertUnwindSafe(|| self.weigh(item)))?;
        if bytes > self.most {
            return Ok(false);
        }
        self.bytes += bytes;
        self.seen += 1;
        self.seen_bytes += bytes as u64;
        Ok(true)
    }

    /// One of those that are there waits for its turn.
    pub(crate) fn wait(&mut self) {
        self.waiting += 1;
    }

    /// What outputs weighed so far, on average. At least one.
    pub(crate) fn mean_bytes(&self) -> usize {
        let mean = self.seen_bytes.checked_div(self.seen).map_or(size_of::<T>(), |mean| mean as usize);
        mean.max(1)
    }

    /// Releases an output that did not wait.
    #[inline]
    pub(crate) fn push(&mut self, at: u64, item: T) {
        let released = self.items.len();
        match &mut self.positions {
            Positions::From(first) if first.wrapping_add(released as u64) == at => {}
            Positions::From(first) if released == 0 => *first = at,
            Positions::From(_) => self.scatter(at),
            Positions::Each(each) => each.push(at),
        }
        self.items.push(item);
    }

    /// Whether the output of the item at this position may be appended: it comes behind those that are released, and does not want to be weighed.
    pub(crate) fn is_next(&mut self, at: u64) -> bool {
        let released = self.items.len();
        match &mut self.positions {
            Positions::From(first) if released == 0 => *first = at,
            Positions::From(first) if first.wrapping_add(released as u64) == at => {}
            Positions::From(_) | Positions::Each(_) => return false,
        }
        self.weigher.is_none()
    }

    /// Releases one that is next: by `is_next`, or as it comes behind another that was.
    #[inline]
    pub(crate) fn append(&mut self, item: T) {
        debug_assert!(matches!(self.positions, Positions::From(_)) && self.weigher.is_none());
        self.items.push(item);
    }

    /// Releases one that waited.
    pub(crate) fn push_waited(&mut self, at: u64, item: T) {
        self.waiting -= 1;
        self.push(at, item);
    }

    /// The next one does not follow the last: from now on each has a position of its own.
    #[cold]
    fn scatter(&mut self, at: u64) {
        let Positions::From(first) = self.positions else { return };
        let mut each = Vec::with_capacity(MOST_ITEMS.max(self.items.len() + 1));
        each.extend((0..self.items.len() as u64).map(|n| first.wrapping_add(n)));
        each.push(at);
        self.positions = Positions::Each(each);
    }

    /// The first ones, of `most` bytes or one at least.
    pub(crate) fn take(&mut self, most: usize) -> Option<Items<T>> {
        if self.items.is_empty() {
            return None;
        }
        let fits = (most / self.mean_bytes()).clamp(1, MOST_ITEMS).min(self.items.len());
        let mut rest = self.spares.take();
        rest.extend(self.items.drain(fits..));
        let items = std::mem::replace(&mut self.items, rest);
        let heap = self.weigher.map_or(0, |weigher| items.iter().map(weigher).sum());
        // Weighed twice; an item that has changed its weight meanwhile must not take the count below zero.
        self.bytes = self.bytes.saturating_sub(items.len() * size_of::<T>() + heap);
        let batch = match &mut self.positions {
            Positions::From(first) => {
                let next = first.wrapping_add(fits as u64);
                Items::new(std::mem::replace(first, next), items)
            }
            Positions::Each(each) => {
                let rest = each.split_off(fits);
                let each = std::mem::replace(each, rest);
                Items::at(each, items)
            }
        };
        if self.items.is_empty() {
            self.positions = Positions::From(0);
        }
        Some(batch.owning(heap).returning_to(&self.spares))
    }

    /// The outputs that wait for their turn were dropped.
    pub(crate) fn forget_waiting(&mut self) {
        self.waiting = 0;
        self.bytes = self.items.iter().map(|item| self.weigh(item)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output<u64> {
        Output {
            items: Vec::new(),
            positions: Positions::From(0),
            waiting: 0,
            weigher: None,
            most: 8,
            bytes: 0,
            seen: 0,
            seen_bytes: 0,
            spares: Spares::new(),
        }
    }

    #[test]
    fn each_output_has_its_position_whether_they_follow_each_other_or_not() {
        for positions in [
            vec![7, 8, 9, 10, 11],
            vec![7, 8, 10, 9, 11],
            vec![3, 2, 1, 0, 9],
            vec![5; 5],
            vec![u64::MAX - 1, u64::MAX, 0, 1, 2],
        ] {
            for fits in 1..=5 {
                let mut output = output();
                positions.iter().for_each(|at| output.push(*at, at.wrapping_mul(10)));
                let mut seen = Vec::new();
                while let Some(mut items) = output.take(8 * fits) {
                    assert!(items.len() <= fits);
                    while let Some((at, item)) = items.next_at() {
                        assert_eq!(item, at.wrapping_mul(10));
                        seen.push(at);
                    }
                }
                assert_eq!((&seen, output.bytes()), (&positions, 0));
            }
        }
    }
}
