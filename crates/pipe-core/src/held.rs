//! What a worker has emitted and not handed on, and the end of the chain that puts it there.

use crate::batch::{Items, Spares};
use crate::context::Context;
use crate::plan::Outlet;
use crate::position::Position;
use crate::run::RunState;
use crate::stage::{Emit, Flow};
use crate::weigh::Weigher;
use std::mem::{self, ManuallyDrop};

/// Outputs on their way to a batch.
pub(crate) struct Held<T> {
    segment: usize,
    items: Vec<T>,
    /// One per item where positions are tracked, else empty.
    positions: Vec<u64>,
    spares: Spares<T>,
    /// How items are weighed that own memory. Then `items` has no capacity, so that each of them takes the slow way into `heavy`.
    weigher: Option<Weigher<T>>,
    heavy: Vec<T>,
    heap: usize,
    /// [`RunState::batch_bytes`].
    most_bytes: usize,
}

/// A full buffer, about: it stays in the L2 cache until the next node has read it.
const BUFFER_BYTES: usize = 64 << 10;

/// What a buffer has room for at first. It grows to what it holds at most, and comes back with the room that it has.
const LEAST_ITEMS: usize = 16;

/// What a buffer holds: `BUFFER_BYTES`, but at least 16 items and at most 8,192. Fewer, down to one, where
/// `most_bytes`, the run's bound for a batch, has no room for them.
fn buffer_items<T>(most_bytes: usize) -> usize {
    let size = size_of::<T>().max(1);
    (BUFFER_BYTES / size).clamp(16, 8192).min((most_bytes / size).max(1))
}

impl<T: Send + 'static> Held<T> {
    pub(crate) fn new(segment: usize, run: &RunState) -> Self {
        let (items, positions, spares, heavy) = (Vec::new(), Vec::new(), Spares::new(), Vec::new());
        let (weigher, most_bytes) = (run.weigher(), run.batch_bytes());
        Held { segment, items, positions, spares, weigher, heavy, heap: 0, most_bytes }
    }

    /// How many outputs wait here.
    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.heavy.len()
    }

    /// Drops all but the first `len` outputs.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.items.truncate(len.min(self.items.len()));
        if let Some(weigher) = self.weigher {
            let gone = self.heavy.iter().skip(len).map(weigher).sum::<usize>();
            self.heap -= gone;
            self.heavy.truncate(len);
        }
        self.positions.truncate(len);
    }

    /// Makes room: hands on what is full, and returns a buffer with `item` in it. Or takes an item that is weighed.
    #[cold]
    #[inline(never)]
    fn full<const TRACK: bool>(
        &mut self,
        full: Vec<T>,
        item: T,
        next: &mut dyn Outlet,
        context: &Context,
    ) -> (Vec<T>, Flow) {
        if let Some(weigher) = self.weigher {
            return (full, self.weigh(weigher, item, next, context));
        }
        let most = buffer_items::<T>(self.most_bytes);
        let (mut items, mut flow) = (full, Flow::Continue(()));
        if items.len() >= most {
            // The position of `item` is the last one.
            let last = if TRACK { self.positions.pop() } else { None };
            self.items = items;
            flow = self.hand_on(next, context.run());
            self.positions.extend(last);
            items = self.spares.take();
        } else if items.is_empty() {
            // The first one, or the one before was handed on.
            items = self.spares.take();
        }
        if items.len() == items.capacity() {
            // As much as batches turn out to need: where these are of a few heavy items, whole buffers would be pages that nobody writes to.
            let room = items.len().max(LEAST_ITEMS).min(most - items.len());
            items.reserve_exact(room);
        }
        // Kept also if nothing more is wanted: whoever said so drops it with the rest.
        items.push(item);
        (items, flow)
    }

    fn weigh(&mut self, weigher: Weigher<T>, item: T, next: &mut dyn Outlet, context: &Context) -> Flow {
        self.heap += weigher(&item);
        if self.heavy.capacity() == 0 {
            self.heavy = self.spares.take();
        }
        self.heavy.push(item);
        let bytes = self.heap + self.heavy.len() * size_of::<T>();
        if bytes < BUFFER_BYTES.min(self.most_bytes) && self.heavy.len() < 8192 {
            return Flow::Continue(());
        }
        self.hand_on(next, context.run())
    }

    /// Hands on what is held, if anything.
    pub(crate) fn hand_on(&mut self, next: &mut dyn Outlet, run: &RunState) -> Flow {
        let items = mem::take(if self.weigher.is_some() { &mut self.heavy } else { &mut self.items });
        if items.is_empty() {
            return Flow::Continue(());
        }
        // One more where a weigher panicked between the two.
        self.positions.truncate(items.len());
        if next.counts() {
            run.count_emitted(self.segment, items.len());
        }
        let batch = if self.positions.is_empty() {
            Items::new(0, items)
        } else {
            Items::at(mem::take(&mut self.positions), items)
        };
        let batch = batch.owning(mem::take(&mut self.heap)).returning_to(&self.spares);
        next.put(Box::new(batch))
    }
}

/// The end of a chain: holds outputs until the buffer is full.
pub(crate) struct End<'e, T, const TRACK: bool> {
    /// Those of `held`, on loan: here the optimiser may keep length and capacity in registers. `ManuallyDrop`, because a destructor is a
    /// call that takes the address of the vector, and then it lives in memory; our own `Drop` gives it back.
    items: ManuallyDrop<Vec<T>>,
    pub(crate) at: u64,
    held: &'e mut Held<T>,
    next: &'e mut dyn Outlet,
    context: &'e mut Context,
}

impl<'e, T, const TRACK: bool> End<'e, T, TRACK> {
    pub(crate) fn new(held: &'e mut Held<T>, next: &'e mut dyn Outlet, context: &'e mut Context) -> Self {
        let items = ManuallyDrop::new(mem::take(&mut held.items));
        End { items, at: Position::NOWHERE, held, next, context }
    }
}

impl<T: Send + 'static, const TRACK: bool> Emit<T> for End<'_, T, TRACK> {
    #[inline(always)]
    fn emit(&mut self, item: T) -> Flow {
        if TRACK {
            self.held.positions.push(self.at);
        }
        if self.items.len() < self.items.capacity() {
            self.items.push(item);
            return Flow::Continue(());
        }
        let full = mem::take(&mut *self.items);
        let (items, flow) = self.held.full::<TRACK>(full, item, self.next, self.context);
        *self.items = items;
        flow
    }

    #[inline(always)]
    fn context(&mut self) -> &mut Context {
        self.context
    }
}

impl<T, const TRACK: bool> Drop for End<'_, T, TRACK> {
    #[inline(always)]
    fn drop(&mut self) {
        self.held.items = mem::take(&mut *self.items);
    }
}
