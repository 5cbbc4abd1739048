//! Overlapping groups of neighbours.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};
use crate::weigh::{Weigher, heap_of};
use std::collections::VecDeque;

/// Windows over the last items, by count; made by [`Pipeline::windows`](crate::Pipeline::windows).
pub struct Windows<T> {
    size: usize,
    every: usize,
    /// How items are weighed that own memory.
    weigher: Option<Weigher<T>>,
}

opaque!([T] Windows[T]);

impl<T> Windows<T> {
    pub(crate) fn new(size: usize, every: usize, weigher: Option<Weigher<T>>) -> Self {
        Windows { size, every, weigher }
    }
}

/// The items of the next window so far, and how many to drop before it begins.
pub struct Window<T> {
    items: VecDeque<T>,
    gap: usize,
}

opaque!([T] Window[T]);

impl<T> Stage for Windows<T> {
    type State = Window<T>;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> Window<T> {
        Window { items: VecDeque::new(), gap: 0 }
    }

    fn state_bytes(&self, window: &Window<T>) -> usize {
        window.items.capacity() * size_of::<T>() + heap_of(self.weigher, &window.items)
    }
}

impl<T: Clone> Step<T> for Windows<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, window: &mut Window<T>, item: T, out: &mut O) -> Flow {
        if window.gap > 0 {
            window.gap -= 1;
            return Flow::Continue(());
        }
        window.items.push_back(item);
        if window.items.len() < self.size {
            return Flow::Continue(());
        }
        let full = window.items.iter().cloned().collect();
        window.items.drain(..self.every.min(self.size));
        window.gap = self.every.saturating_sub(self.size);
        out.emit(full)
    }
}
