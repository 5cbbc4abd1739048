//! What an async stage emits: all of it is weighed here when it comes, and kept here from its turn on until it is taken.

use crate::driver::Released;
use pipe_core::Items;
use pipe_core::plan::RunState;

/// Items in a batch of outputs.
const MOST_ITEMS: usize = 8_192;

/// Outputs of one stage.
pub(crate) struct Output<T> {
    items: Vec<T>,
    positions: Vec<u64>,
    bytes: usize,
    weigher: Option<fn(&T) -> usize>,
    seen: u64,
    seen_bytes: u64,
}

impl<T: Send + 'static> Output<T> {
    pub(crate) fn new(run: &RunState) -> Self {
        let (items, positions) = (Vec::new(), Vec::new());
        Output { items, positions, bytes: 0, weigher: run.weigher(), seen: 0, seen_bytes: 0 }
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

    /// How many wait to be taken.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The bytes of all outputs that are there, also of those that wait for their turn.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn heap(&self, item: &T) -> usize {
        self.weigher.map_or(0, |weigher| weigher(item))
    }

    /// What an item keeps alive.
    pub(crate) fn weigh(&self, item: &T) -> usize {
        size_of::<T>() + self.heap(item)
    }

    /// Counts an output that is there.
    pub(crate) fn expect(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.seen += 1;
        self.seen_bytes += bytes as u64;
    }

    /// What outputs weighed so far, on average. At least one.
    pub(crate) fn mean_bytes(&self) -> usize {
        let mean = self.seen_bytes.checked_div(self.seen).map_or(size_of::<T>(), |mean| mean as usize);
        mean.max(1)
    }

    /// Keeps an output whose turn it is.
    pub(crate) fn push(&mut self, at: u64, item: T) {
        self.items.push(item);
        self.positions.push(at);
    }

    /// The first ones, of `most` bytes or one at least.
    pub(crate) fn take(&mut self, most: usize) -> Option<Items<T>> {
        if self.items.is_empty() {
            return None;
        }
        let fits = (most / self.mean_bytes()).clamp(1, MOST_ITEMS).min(self.items.len());
        let (rest, rest_positions) = (self.items.split_off(fits), self.positions.split_off(fits));
        let items = std::mem::replace(&mut self.items, rest);
        let positions = std::mem::replace(&mut self.positions, rest_positions);
        let heap = self.weigher.map_or(0, |weigher| items.iter().map(weigher).sum());
        // Weighed twice; an item that has changed its weight meanwhile must not take the count below zero.
        self.bytes = self.bytes.saturating_sub(items.len() * size_of::<T>() + heap);
        Some(Items::at(positions, items).owning(heap))
    }

    /// The outputs that wait for their turn were dropped.
    pub(crate) fn forget_waiting(&mut self) {
        self.bytes = self.items.iter().map(|item| self.weigh(item)).sum();
    }
}
