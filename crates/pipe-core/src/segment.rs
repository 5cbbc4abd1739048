//! The harness around a fused chain: it drives batches through it, names what fails, catches what panics, bounds what is held.
//!
//! ```text
//! batch.drive -> Then<Then<Identity, A>, B>::push -> End::emit -> out: Vec<T> -> (full) -> Outlet::put
//! ```
//!
//! The loop body is the user's closures and nothing else. Positions, counts, clocks and flags are per slice; a failure asks the batch for
//! its position after the loop was left.

use crate::batch::{Batch, Items, Spares};
use crate::cancel::Cancel;
use crate::context::Context;
use crate::error::{Payload, RunError};
use crate::item::{Item, Own};
use crate::plan::{AnyBatch, Outlet, Ran, Segment, Worker};
use crate::run::RunState;
use crate::stage::{Emit, Flow, Stage, Step};
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// `Step` at one lifetime, with the family of its outputs. A helper, because the same bound written out is E0582.
pub trait Chain<'a, I: Item, O: Item>: Step<I::Of<'a>, Out = O::Of<'a>> {}

impl<'a, I: Item, O: Item, C: Step<I::Of<'a>, Out = O::Of<'a>>> Chain<'a, I, O> for C {}

/// A chain `C` over batches `B` of items `I`, emitting `T`. With `TRACK` each output carries the position of the item it came from:
/// needed where another segment follows, which may fail on it.
pub(crate) struct Fused<C, B, I, T, const TRACK: bool> {
    pub(crate) chain: C,
    id: usize,
    types: PhantomData<fn(B, I) -> T>,
}

impl<C, B, I, T, const TRACK: bool> Fused<C, B, I, T, TRACK> {
    pub(crate) fn new(chain: C, id: usize) -> Self {
        Fused { chain, id, types: PhantomData }
    }
}

impl<'p, C, B, I, T, const TRACK: bool> Segment<'p> for Fused<C, B, I, T, TRACK>
where
    B: for<'a> Batch<Item<'a> = I::Of<'a>> + 'static,
    I: Item + 'p,
    T: Send + 'static,
    C: for<'a> Chain<'a, I, Own<T>> + 'p,
{
    fn worker(self: Arc<Self>, run: Arc<RunState>) -> Result<Box<dyn Worker + 'p>, RunError> {
        let state = self.make_state(&run)?;
        Ok(self.worker_with(state, run))
    }
}

impl<C: Stage, B, I, T, const TRACK: bool> Fused<C, B, I, T, TRACK> {
    pub(crate) fn make_state(&self, run: &RunState) -> Result<C::State, RunError> {
        catch_unwind(AssertUnwindSafe(|| self.chain.state())).map_err(|thrown| RunError::Panicked {
            stage: run.segment_name(self.id),
            at: None,
            payload: Payload::new(thrown),
        })
    }

    /// A worker that goes on with a state that was made before.
    pub(crate) fn worker_with<'p>(
        self: Arc<Self>,
        state: C::State,
        run: Arc<RunState>,
    ) -> Box<dyn Worker + 'p>
    where
        B: for<'a> Batch<Item<'a> = I::Of<'a>> + 'static,
        I: Item + 'p,
        T: Send + 'static,
        C: for<'a> Chain<'a, I, Own<T>> + 'p,
    {
        let state = Some(state);
        let held = Held { items: Vec::new(), positions: Vec::new(), spares: Spares::new() };
        let cancel = run.cancel().clone();
        Box::new(FusedWorker { segment: self, state, held, context: Context::new(run), cancel })
    }
}

struct FusedWorker<C: Stage, B, I, T, const TRACK: bool> {
    segment: Arc<Fused<C, B, I, T, TRACK>>,
    /// `None` after a panic or the end.
    state: Option<C::State>,
    held: Held<T>,
    context: Context,
    cancel: Cancel,
}

/// What was emitted and not handed on.
struct Held<T> {
    items: Vec<T>,
    /// One per item where positions are tracked, else empty.
    positions: Vec<u64>,
    spares: Spares<T>,
}

/// What a full output buffer holds: about 64 KiB, so that it stays in the L2 cache until the next node has read it, but at least 16
/// items and at most 8,192.
const fn buffer_items<T>() -> usize {
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    let fits = (64 << 10) / size;
    if fits < 16 {
        16
    } else if fits > 8192 {
        8192
    } else {
        fits
    }
}

impl<C, B, I, T, const TRACK: bool> Worker for FusedWorker<C, B, I, T, TRACK>
where
    B: for<'a> Batch<Item<'a> = I::Of<'a>> + 'static,
    I: Item,
    T: Send + 'static,
    C: for<'a> Chain<'a, I, Own<T>>,
{
    fn run(
        &mut self,
        batch: &mut dyn AnyBatch,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<Ran, RunError> {
        let batch = batch.as_any().downcast_mut::<B>().expect("the edge was built for this batch type");
        let mut state = self.state.take().expect("a worker that failed or finished is not used again");
        let (chain, id) = (&self.segment.chain, self.segment.id);
        let (held, context, cancelled) = (&mut self.held, &mut self.context, self.cancel.flag());
        let (lent, outlet) = (&mut *batch, &mut *next);
        // State and outputs move into this frame and out again: there the optimiser keeps an accumulator in a register, which it
        // cannot do behind `&mut self`.
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut end = End::<T, TRACK>::new(held, id, outlet, context);
            let mut flow = Flow::Continue(());
            let items = lent.drive(
                limit,
                #[inline(always)]
                |at, item| {
                    if TRACK {
                        end.at = at;
                    }
                    let went = chain.push(&mut state, item, &mut end);
                    if went.is_break() {
                        flow = went;
                    } else if cancelled.load(Relaxed) {
                        return Flow::Break(());
                    }
                    went
                },
            );
            drop(end);
            (items, flow, state)
        }));
        let (items, flow, state) =
            ran.map_err(|thrown| self.panicked(Some(Batch::position(batch)), thrown))?;
        self.state = Some(state);
        self.context.run().count_taken(id, items);
        self.fail_if_told(Some(Batch::position(batch)), next)?;
        Ok(match flow {
            Flow::Break(()) => Ran::Enough(items),
            Flow::Continue(()) if items < limit || batch.is_empty() => Ran::Done(items),
            Flow::Continue(()) => Ran::More(items),
        })
    }

    fn flush(&mut self, next: &mut dyn Outlet) {
        // Whether the outlet has had enough is its owner's business: nothing is left here that could stop.
        let _ = self.held.hand_on(Vec::new(), self.segment.id, next, &mut self.context);
    }

    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        let state = self.state.take().expect("a worker that failed or finished is not used again");
        let (chain, id) = (&self.segment.chain, self.segment.id);
        let (held, context) = (&mut self.held, &mut self.context);
        let outlet = &mut *next;
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut end = End::<T, TRACK>::new(held, id, outlet, context);
            let _ = chain.finish(state, &mut end);
        }));
        ran.map_err(|thrown| self.panicked(None, thrown))?;
        self.fail_if_told(None, next)?;
        self.flush(next);
        Ok(())
    }
}

impl<C, B, I, T, const TRACK: bool> FusedWorker<C, B, I, T, TRACK>
where
    B: for<'a> Batch<Item<'a> = I::Of<'a>> + 'static,
    I: Item,
    T: Send + 'static,
    C: for<'a> Chain<'a, I, Own<T>>,
{
    #[cold]
    fn panicked(&mut self, at: Option<u64>, thrown: Box<dyn std::any::Any + Send>) -> RunError {
        let stage = self.context.take_panicked();
        RunError::Panicked { stage: self.context.run().name(stage), at, payload: Payload::new(thrown) }
    }

    /// After a slice: the error that ends the run, if a policy said so. What was emitted before it is handed on.
    fn fail_if_told(&mut self, at: Option<u64>, next: &mut dyn Outlet) -> Result<(), RunError> {
        let Some((stage, source)) = self.context.take_fatal() else { return Ok(()) };
        self.flush(next);
        Err(RunError::Stage { stage: self.context.run().name(stage), at, source })
    }
}

/// The end of a chain: holds outputs until the buffer is full.
struct End<'e, T, const TRACK: bool> {
    /// Those of `held`, on loan: here the optimiser may keep length and capacity in registers. `ManuallyDrop`, because a destructor is a
    /// call that takes the address of the vector, and then it lives in memory; our own `Drop` gives it back.
    items: ManuallyDrop<Vec<T>>,
    at: u64,
    held: &'e mut Held<T>,
    segment: usize,
    next: &'e mut dyn Outlet,
    context: &'e mut Context,
}

impl<'e, T, const TRACK: bool> End<'e, T, TRACK> {
    fn new(
        held: &'e mut Held<T>,
        segment: usize,
        next: &'e mut dyn Outlet,
        context: &'e mut Context,
    ) -> Self {
        let items = ManuallyDrop::new(mem::take(&mut held.items));
        End { items, at: u64::MAX, held, segment, next, context }
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
        let (items, flow) = self.held.full::<TRACK>(full, item, self.segment, self.next, self.context);
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

impl<T: Send + 'static> Held<T> {
    /// Makes room: hands on what is full, and returns a buffer with `item` in it.
    #[cold]
    #[inline(never)]
    fn full<const TRACK: bool>(
        &mut self,
        full: Vec<T>,
        item: T,
        segment: usize,
        next: &mut dyn Outlet,
        context: &mut Context,
    ) -> (Vec<T>, Flow) {
        // The position of `item` is the last one.
        let last = if TRACK { self.positions.pop() } else { None };
        let flow = self.hand_on(full, segment, next, context);
        self.positions.extend(last);
        let mut items = self.spares.take();
        if items.capacity() < buffer_items::<T>() {
            items.reserve_exact(buffer_items::<T>());
        }
        // Kept also if nothing more is wanted: whoever said so drops it with the rest.
        items.push(item);
        (items, flow)
    }

    fn hand_on(
        &mut self,
        items: Vec<T>,
        segment: usize,
        next: &mut dyn Outlet,
        context: &mut Context,
    ) -> Flow {
        let items = if items.is_empty() { mem::take(&mut self.items) } else { items };
        if items.is_empty() {
            return Flow::Continue(());
        }
        context.run().count_emitted(segment, items.len());
        let batch = if self.positions.is_empty() {
            Items::new(0, items)
        } else {
            Items::at(mem::take(&mut self.positions), items)
        };
        next.put(Box::new(batch.returning_to(&self.spares)))
    }
}
