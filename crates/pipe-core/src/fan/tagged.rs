//! A batch behind a fan-in.

use crate::batch::{Batch, Reread};
use crate::opaque::opaque;
use crate::position::Position;
use crate::rows::Truncate;
use crate::stage::{BoxError, Flow};

/// A batch of one of several sources: its positions say which ([`Position::input`]). Of nested fan-ins the outermost says it.
pub struct Tagged<B> {
    batch: B,
    input: usize,
    /// Whether it was driven: before that, there is no position to tag.
    driven: bool,
}

opaque!([B] Tagged[B]);

impl<B> Tagged<B> {
    pub(super) fn new(batch: B, input: usize) -> Self {
        Tagged { batch, input, driven: false }
    }

    /// The batch as its source made it.
    pub fn into_inner(self) -> B {
        self.batch
    }
}

fn tag(position: u64, input: usize) -> u64 {
    Position::from_raw(position).of_input(input).raw()
}

impl<B: Batch> Batch for Tagged<B> {
    type Item<'a> = B::Item<'a>;

    fn bytes(&self) -> usize {
        self.batch.bytes()
    }

    fn payload(&self) -> usize {
        self.batch.payload()
    }

    fn load(&mut self) -> Result<(), BoxError> {
        self.batch.load()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.batch.check()
    }

    fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, B::Item<'a>) -> Flow) -> usize {
        let input = self.input;
        // Before the call: `each` may panic.
        self.driven |= limit > 0;
        self.batch.drive(
            limit,
            #[inline(always)]
            |at, item| each(tag(at, input), item),
        )
    }

    fn position(&self) -> u64 {
        if self.driven { tag(self.batch.position(), self.input) } else { 0 }
    }

    fn split(&mut self) -> Option<Self> {
        Some(Tagged::new(self.batch.split()?, self.input))
    }

    fn record(&self, position: u64) -> Option<&[u8]> {
        self.batch.record(Position::from_raw(position).place())
    }
}

impl<B: Reread> Reread for Tagged<B> {
    fn reread(&self) -> Option<Self> {
        Some(Tagged::new(self.batch.reread()?, self.input))
    }
}

impl<B: Truncate> Truncate for Tagged<B> {
    fn truncate(&mut self, items: usize) -> usize {
        self.batch.truncate(items)
    }
}
