//! Items in groups.

use crate::opaque::opaque;
use crate::stage::{Emit, Flow, Sharing, Stage, Step};
use crate::weigh::{Weigher, heap_of};

/// Collects items into vectors; behind [`Pipeline::batch`](crate::Pipeline::batch).
pub struct Batches<T> {
    size: usize,
    /// How items are weighed that own memory.
    weigher: Option<Weigher<T>>,
}

opaque!([T] Batches[T]);

impl<T> Batches<T> {
    pub(crate) fn new(size: usize, weigher: Option<Weigher<T>>) -> Self {
        Batches { size, weigher }
    }

    fn empty(&self) -> Vec<T> {
        // A size may be larger than the input: what is more than this grows as it fills.
        Vec::with_capacity(self.size.min(1024))
    }
}

impl<T> Stage for Batches<T> {
    type State = Vec<T>;

    const SHARING: Sharing = Sharing::Serial;

    fn state(&self) -> Vec<T> {
        self.empty()
    }

    fn state_bytes(&self, group: &Vec<T>) -> usize {
        group.capacity() * size_of::<T>() + heap_of(self.weigher, group)
    }
}

impl<T> Step<T> for Batches<T> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, group: &mut Vec<T>, item: T, out: &mut O) -> Flow {
        group.push(item);
        if group.len() < self.size {
            return Flow::Continue(());
        }
        out.emit(std::mem::replace(group, self.empty()))
    }

    fn finish<O: Emit<Vec<T>>>(&self, group: Vec<T>, out: &mut O) -> Flow {
        if group.is_empty() { Flow::Continue(()) } else { out.emit(group) }
    }
}
