//! Batches that can be cut off.

use crate::batch::{Batch, Items};

/// A batch that can be cut off behind an item: what [`Pipeline::take_rows`](crate::Pipeline::take_rows) asks for.
pub trait Truncate: Batch {
    /// Drops all but the next `items` items, and returns how many are left.
    fn truncate(&mut self, items: usize) -> usize;
}

impl<T> Truncate for Items<T> {
    fn truncate(&mut self, items: usize) -> usize {
        if items < self.len() {
            // The inherent one, which goes before the one of the trait.
            Items::truncate(self, items);
        }
        self.len()
    }
}
