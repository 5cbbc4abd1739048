//! Numbers in memory, lent block by block.

use crate::batch::{Batch, Reread};
use crate::error::RunError;
use crate::opaque::opaque;
use crate::source::{Source, Want};
use crate::stage::{BoxError, Flow};
use std::sync::Arc;

/// A vector as a source of blocks, which are lent where they are. Positions are indices of numbers.
pub struct Blocks<T> {
    numbers: Arc<Vec<T>>,
    size: usize,
    next: usize,
}

opaque!([T] Blocks[T]);

impl<T> Blocks<T> {
    /// Blocks of `size` numbers; the last one may have fewer. Zero is a `Config` error of the run.
    pub fn new(numbers: Vec<T>, size: usize) -> Self {
        Blocks { numbers: Arc::new(numbers), size, next: 0 }
    }
}

impl<T: Send + Sync + 'static> Source for Blocks<T> {
    type Item = &'static [T];
    type Batch = BlockBatch<T>;

    fn pull(&mut self, want: Want) -> Result<Option<BlockBatch<T>>, BoxError> {
        let fits = want.bytes / self.size.saturating_mul(size_of::<T>()).max(1);
        let numbers = want.items.min(fits).max(1).saturating_mul(self.size);
        let (start, end) = (self.next, self.next.saturating_add(numbers).min(self.numbers.len()));
        self.next = end;
        let batch = BlockBatch { numbers: self.numbers.clone(), size: self.size, next: start, end, last: 0 };
        Ok((start < end).then_some(batch))
    }

    fn check(&self) -> Result<(), RunError> {
        if self.size == 0 {
            let (field, value) = ("blocks.size", "0".to_owned());
            return Err(RunError::Config { field, value, why: "the vector would never end" });
        }
        Ok(())
    }
}

/// The batch of [`Blocks`]: a part of the vector.
pub struct BlockBatch<T> {
    numbers: Arc<Vec<T>>,
    size: usize,
    next: usize,
    end: usize,
    /// Where the block lent last starts.
    last: usize,
}

opaque!([T] BlockBatch[T]);

impl<T: 'static> Batch for BlockBatch<T> {
    type Item<'a> = &'a [T];

    fn bytes(&self) -> usize {
        (self.end - self.next) * size_of::<T>()
    }

    fn is_empty(&self) -> bool {
        self.next == self.end
    }

    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, &'a [T]) -> Flow) -> usize {
        let mut lent = 0;
        while lent < limit && self.next < self.end {
            let (start, end) = (self.next, self.end.min(self.next + self.size));
            (self.last, self.next) = (start, end);
            lent += 1;
            if each(start as u64, &self.numbers[start..end]).is_break() {
                break;
            }
        }
        lent
    }

    fn position(&self) -> u64 {
        self.last as u64
    }

    fn split(&mut self) -> Option<Self> {
        let blocks = (self.end - self.next).div_ceil(self.size);
        if blocks < 2 {
            return None;
        }
        let middle = self.next + blocks.div_ceil(2) * self.size;
        let end = std::mem::replace(&mut self.end, middle);
        Some(BlockBatch { numbers: self.numbers.clone(), size: self.size, next: middle, end, last: 0 })
    }
}

impl<T: 'static> Reread for BlockBatch<T> {
    fn reread(&self) -> Option<Self> {
        let end = self.end.min(self.next + self.size);
        let one =
            BlockBatch { numbers: self.numbers.clone(), size: self.size, next: self.next, end, last: 0 };
        (self.next < end).then_some(one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Program;
    use crate::{Inline, from_iter, from_source};

    #[test]
    fn blocks_lent_and_owned_give_the_same_as_a_loop() {
        for (len, size) in [(0, 3), (1, 3), (3, 3), (10, 3), (1_000, 7), (5, 100)] {
            let numbers: Vec<f64> = (0..len).map(f64::from).collect();
            let naive: Vec<f64> = numbers.iter().map(|x| (x * 0.5 + 1.0).clamp(2.0, 40.0)).collect();
            let program = Program::new().scale(0.5).add(1.0).clamp(2.0, 40.0);
            let lent = from_source(Blocks::new(numbers.clone(), size)).kernel(program.clone());
            let owned =
                from_iter(numbers.chunks(size).map(<[f64]>::to_vec).collect::<Vec<_>>()).kernel(program);
            assert_eq!(lent.collect().run_on(&Inline).unwrap().value.concat(), naive);
            assert_eq!(owned.collect().run_on(&Inline).unwrap().value.concat(), naive);
        }
    }

    #[test]
    fn halves_hold_all_blocks_at_their_positions() {
        for len in 0..20usize {
            for lent in 0..4 {
                let mut source = Blocks::new((0..len as u64).collect(), 3);
                let Some(mut front) = source.pull(Want::MOST).unwrap() else { continue };
                let mut seen: Vec<u64> = Vec::new();
                let mut note = |at: u64, block: &[u64]| {
                    assert_eq!(at, block[0]);
                    seen.extend(block);
                    Flow::Continue(())
                };
                front.drive(lent, &mut note);
                let back = front.split();
                for mut half in [Some(front), back].into_iter().flatten() {
                    while half.drive(1, &mut note) > 0 {}
                }
                assert_eq!(seen, (0..len as u64).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_block_of_nothing_is_an_error_and_no_endless_run() {
        let error =
            from_source(Blocks::new(vec![1.0_f32], 0)).kernel(Program::new()).collect().run_on(&Inline);
        assert_eq!(error.unwrap_err().to_string(), "blocks.size = 0: the vector would never end");
    }
}
