//! A source that reads straight into pinned blocks.

use crate::element::Element;
use crate::pinned::{PinnedBlock, PinnedBlocks};
use pipe_core::{BoxError, Items, Own, RunError, Source, Want, Weigh};
use std::error::Error;
use std::fmt;

/// Blocks that a function has filled; made by [`PinnedBlocks::filled_by`]. Positions are indices of numbers.
pub struct Filled<T, F> {
    blocks: PinnedBlocks<T>,
    fill: F,
    next: u64,
}

impl<T: Element> PinnedBlocks<T> {
    /// A source of blocks that `fill` writes: it is given the rest of a block, and says how many numbers it has written at its beginning; as
    /// [`Read::read`](std::io::Read::read) does with bytes. It is asked until the block is full, and 0 is the end. Each block is a batch of its own.
    /// Blocks of no number are a `Config` error of the run; more numbers than there was room for are an error of the source, as what `fill` returns.
    pub fn filled_by<E, F>(self, fill: F) -> Filled<T, F>
    where
        E: Into<BoxError>,
        F: FnMut(&mut [T]) -> Result<usize, E> + Send,
    {
        Filled { blocks: self, fill, next: 0 }
    }
}

impl<T: Element, E: Into<BoxError>, F: FnMut(&mut [T]) -> Result<usize, E> + Send> Source for Filled<T, F> {
    type Item = Own<PinnedBlock<T>>;
    type Batch = Items<PinnedBlock<T>>;

    fn pull(&mut self, _: Want) -> Result<Option<Self::Batch>, BoxError> {
        let mut block = self.blocks.take();
        let mut filled = 0;
        while filled < block.len() {
            let room = block.len() - filled;
            match (self.fill)(&mut block[filled..]).map_err(Into::into)? {
                0 => break,
                more if more > room => return Err(Boast { more, room }.into()),
                more => filled += more,
            }
        }
        block.truncate(filled);
        let (first, heap) = (self.next, block.heap());
        self.next += filled as u64;
        Ok((filled > 0).then(|| Items::new(first, vec![block]).owning(heap)))
    }

    fn check(&self) -> Result<(), RunError> {
        if self.blocks.block_len() == 0 {
            let (field, value) = ("pinned.numbers", "0".to_owned());
            return Err(RunError::Config { field, value, why: "there is no room for a number in a block" });
        }
        Ok(())
    }
}

/// A function that says it has written more numbers than there was room for: nobody knows what it has lost.
#[derive(Debug)]
struct Boast {
    more: usize,
    room: usize,
}

impl fmt::Display for Boast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} numbers were said to be written where there was room for {}", self.more, self.room)
    }
}

impl Error for Boast {}

impl<T, F> fmt::Debug for Filled<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filled")
            .field("blocks", &self.blocks)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
