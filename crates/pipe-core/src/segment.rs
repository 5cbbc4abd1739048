//! The harness around a fused chain: it drives batches through it, names what fails, catches what panics, bounds what is held.
//!
//! ```text
//! batch.drive -> Then<Then<Identity, A>, B>::push -> End::emit -> Held -> (full) -> Outlet::put
//! ```
//!
//! The loop body is the user's closures and nothing else. Positions, counts, clocks and flags are per slice; a failure asks the batch for
//! its position after the loop was left.
//!
//! A failure that is to be written down cuts the worker's own leash, so that the loop stops behind the item that failed: there the batch
//! can be asked for position and record, and the loop goes on.

mod retrying;

use crate::batch::Batch;
use crate::budget::Permit;
use crate::cancel::Leash;
use crate::context::Context;
use crate::error::{Payload, RunError};
use crate::held::{End, Held};
use crate::item::{Item, Own};
use crate::plan::{AnyBatch, Outlet, Ran, Segment, Worker};
use crate::position::Position;
use crate::resident::Resident;
use crate::run::RunState;
use crate::settings::Again;
use crate::stage::{Flow, Stage, Step};
use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

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
        Ok(Box::new(FusedWorker::new(self, Slot::Ready(state), run)))
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
}

/// One worker of a segment.
pub(crate) struct FusedWorker<C: Stage, B, I, T, const TRACK: bool> {
    segment: Arc<Fused<C, B, I, T, TRACK>>,
    state: Slot<C::State>,
    held: Held<T>,
    context: Context,
    leash: Leash,
    run: Arc<RunState>,
    again: Option<Again<B>>,
    weight: Resident,
    /// What the batch turned out to have beyond what it was charged for when it was pulled: a record that ends far behind its part.
    grown: Option<Permit>,
    /// Where the item lent last was: what the stages gathered came up to there.
    at: u64,
}

/// The state of a worker.
pub(crate) enum Slot<S> {
    /// Made when the first batch comes, by the thread that brings it: the worker may move until then.
    Unmade,
    Ready(S),
    /// After a panic or the end.
    Gone,
}

impl<C: Stage, B: 'static, I, T: Send + 'static, const TRACK: bool> FusedWorker<C, B, I, T, TRACK> {
    pub(crate) fn new(
        segment: Arc<Fused<C, B, I, T, TRACK>>,
        state: Slot<C::State>,
        run: Arc<RunState>,
    ) -> Self {
        let (id, leash) = (segment.id, run.cancel().leash());
        let context = Context::new(run.clone(), id, leash.knife());
        let (held, again) = (Held::new(id, &run), run.again(id));
        let (weight, grown, at) = (Resident::new(id), None, Position::NOWHERE);
        FusedWorker { segment, state, held, context, leash, run, again, weight, grown, at }
    }

    /// Goes on with the weight of a state that was used before: what it is charged, and what it has spilled.
    pub(crate) fn weighing(self, weight: Resident) -> Self {
        FusedWorker { weight, ..self }
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
        let ran = self.load(batch).and_then(|()| match self.again {
            None => self.run_through(batch, limit, next),
            Some(again) => self.run_retrying(batch, again, limit, next),
        });
        // First of all, and without a flush: what became of such items is not handed on.
        batch.check().map_err(|source| RunError::Source { source })?;
        let ran = ran.and_then(|ran| match ran {
            Ran::More(_) => Ok(ran),
            Ran::Done(_) | Ran::Enough(_) => self.rest(next).map(|()| ran),
        });
        let ran = ran.and_then(|ran| self.weigh().map(|()| ran));
        if !matches!(ran, Ok(Ran::More(_))) {
            // Who waits for bytes is told by the executor, which gives back those of the batch itself next.
            self.grown = None;
        }
        match ran {
            Ok(Ran::Enough(_)) => self.run.had_enough(self.segment.id),
            // After a panic too: what was emitted before it belongs to earlier items, of which one may fail further down.
            Err(_) => self.flush(next),
            Ok(_) => {}
        }
        ran
    }

    fn flush(&mut self, next: &mut dyn Outlet) {
        // Something is gathered where a batch was left before its end: because of a failure, or because nothing more is wanted. What
        // fails here fails behind that, and never happened.
        let _ = self.rest(next);
        self.hand_on(next);
    }

    fn due(&self) -> Option<Duration> {
        match &self.state {
            Slot::Ready(state) => self.segment.chain.due(state),
            Slot::Unmade | Slot::Gone => None,
        }
    }

    fn look(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        let looked = self.rest(next).and_then(|()| self.weigh());
        self.hand_on(next);
        looked
    }

    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        let mut state = self.take_state()?;
        self.weight.release(&self.run, &self.segment.chain, &mut state)?;
        let (chain, held, context) = (&self.segment.chain, &mut self.held, &mut self.context);
        let outlet = &mut *next;
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut end = End::<T, TRACK>::new(held, outlet, context);
            let _ = chain.finish(state, &mut end);
        }));
        let ran = ran.map_err(Payload::new);
        // What failed before it, and only then what it threw: states are dropped in there, too.
        self.settle(None, next)?;
        if let Err(thrown) = ran {
            self.hand_on(next);
            return Err(self.panicked(None, thrown.into_inner()));
        }
        self.hand_on(next);
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
    fn run_through(&mut self, batch: &mut B, limit: usize, next: &mut dyn Outlet) -> Result<Ran, RunError> {
        let mut taken = 0;
        loop {
            let left = limit - taken;
            let asked = left.min(Resident::most_items(&self.segment.chain));
            let (items, flow) = self.slice(batch, asked, next)?;
            taken += items;
            // Before failures are looked at: their share is one of these too.
            self.run.count_taken(self.segment.id, items);
            self.settle(Some(batch), next)?;
            match flow {
                Flow::Break(()) => return Ok(Ran::Enough(taken)),
                Flow::Continue(()) if batch.is_empty() => return Ok(Ran::Done(taken)),
                Flow::Continue(()) if items == left => return Ok(Ran::More(taken)),
                Flow::Continue(()) if items == asked => self.weigh()?,
                Flow::Continue(()) if items == 0 || self.run.is_cancelled() => return Ok(Ran::Done(taken)),
                // The executor wants to look at the rest.
                Flow::Continue(()) if self.leash.take_pause() => return Ok(Ran::More(taken)),
                // Interrupted, by a letter or a drain, which is no reason to drop the rest. Or a batch that does not know that it is
                // empty: the next round tells.
                Flow::Continue(()) => {}
            }
        }
    }

    /// Up to `limit` items, until something stops the loop.
    fn slice(
        &mut self,
        batch: &mut B,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<(usize, Flow), RunError> {
        let state = self.take_state()?;
        let (chain, held, context) = (&self.segment.chain, &mut self.held, &mut self.context);
        let until = self.leash.pay_out(1);
        let lent = &mut *batch;
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let out = (held, next, context);
            if C::MAY_BE_UNSTEADY && chain.is_steady(&state) {
                return through::<B, I, C, T, TRACK, true>(chain, state, lent, limit, until, out);
            }
            through::<B, I, C, T, TRACK, false>(chain, state, lent, limit, until, out)
        }));
        let (items, flow, state) =
            ran.map_err(|thrown| self.panicked(Some(Batch::position(batch)), thrown))?;
        self.state = Slot::Ready(state);
        self.at = Batch::position(batch);
        Ok((items, flow))
    }

    /// At a pause: lets the stages emit what they gathered.
    fn rest(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        self.emit_rest(next)?;
        self.settle(None, next)
    }

    fn emit_rest(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        let Slot::Ready(state) = &mut self.state else { return Ok(()) };
        let (chain, held, context, at) = (&self.segment.chain, &mut self.held, &mut self.context, self.at);
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut end = End::<T, TRACK>::new(held, next, context);
            end.at = at;
            // A `Break` is noted, or is that of an outlet that wants nothing more.
            let _ = chain.rest(state, &mut end);
        }));
        ran.map_err(|thrown| {
            self.state = Slot::Gone;
            self.panicked(None, thrown)
        })
    }

    fn take_state(&mut self) -> Result<C::State, RunError> {
        match std::mem::replace(&mut self.state, Slot::Gone) {
            Slot::Ready(state) => Ok(state),
            Slot::Unmade => self.segment.make_state(&self.run),
            Slot::Gone => unreachable!("a worker that failed or finished is not used again"),
        }
    }

    #[cold]
    fn panicked(&mut self, at: Option<u64>, thrown: Box<dyn Any + Send>) -> RunError {
        let (stage, at) = (self.context.take_panicked(), at.and_then(Position::known));
        RunError::Panicked { stage: self.run.name(stage), at, payload: Payload::new(thrown) }
    }

    /// After a slice: letters, and the error that ends the run, if a policy said so. What was emitted before it is handed on.
    fn settle(&mut self, batch: Option<&B>, next: &mut dyn Outlet) -> Result<(), RunError> {
        if !self.context.is_noted() {
            return Ok(());
        }
        let at = batch.map(Batch::position);
        let record = batch.zip(at).and_then(|(batch, at)| batch.record(at));
        let settled = self.context.settle(at, record);
        if settled.is_err() {
            self.hand_on(next);
        }
        settled
    }

    fn hand_on(&mut self, next: &mut dyn Outlet) {
        // Whether the outlet has had enough is its owner's business: nothing is left here that could stop.
        let _ = self.held.hand_on(next, &self.run);
    }

    /// Reads the batch, and charges what it turned out to have beyond what it was charged for.
    #[inline]
    fn load(&mut self, batch: &mut B) -> Result<(), RunError>
    where
        B: Batch,
    {
        let charged = batch.bytes();
        load(batch)?;
        let grown = batch.bytes().saturating_sub(charged);
        if grown > 0 { self.charge(batch.payload(), grown) } else { Ok(()) }
    }

    /// A record has to be read to be known, so its bytes are there by now; but nothing is pulled until they are gone. What begins in a part is
    /// less than a batch may have, but for the end of the last record: so only that can be more than all that there is.
    #[cold]
    fn charge(&mut self, records: usize, grown: usize) -> Result<(), RunError> {
        let budget = self.run.budget();
        if records > budget.limit() {
            return Err(budget.refusal("source", records, budget.in_use()));
        }
        self.grown = Some(budget.overdraw(grown));
        Ok(())
    }

    fn weigh(&mut self) -> Result<(), RunError> {
        let Slot::Ready(state) = &mut self.state else { return Ok(()) };
        self.weight.weigh(&self.run, &self.segment.chain, state)
    }
}

/// The loop itself: how many items, whether a stage had enough, and the state. That moves into this frame and out again, with the outputs:
/// there the optimiser keeps an accumulator in a register, which it cannot do behind `&mut self`.
///
/// Out of line, so that the whole chain is inlined here, once, and so that `chain` is an argument: what lies behind one that is only read
/// does not change, for the optimiser. So what closures own stays in registers. Elsewhere it is read again for each item, because of the
/// load of `until`.
#[inline(never)]
fn through<B, I, C, T, const TRACK: bool, const STEADY: bool>(
    chain: &C,
    mut state: C::State,
    batch: &mut B,
    limit: usize,
    until: &AtomicU64,
    (held, next, context): (&mut Held<T>, &mut dyn Outlet, &mut Context),
) -> (usize, Flow, C::State)
where
    B: for<'a> Batch<Item<'a> = I::Of<'a>>,
    I: Item,
    T: Send + 'static,
    C: for<'a> Chain<'a, I, Own<T>>,
{
    let mut end = End::<T, TRACK>::new(held, next, context);
    let mut flow = Flow::Continue(());
    let items = batch.drive(
        limit,
        #[inline(always)]
        |at, item| {
            if TRACK {
                end.at = at;
            }
            let went = match STEADY {
                true => chain.push_steady(&mut state, item, &mut end),
                false => chain.push(&mut state, item, &mut end),
            };
            if went.is_break() {
                flow = went;
            } else if until.load(Relaxed) == 0 {
                return Flow::Break(());
            }
            went
        },
    );
    (items, flow, state)
}

/// What the source would have read, were it not better read here. What went before is handed on by the executor, as for every failure.
#[inline]
fn load<B: Batch>(batch: &mut B) -> Result<(), RunError> {
    let loaded = catch_unwind(AssertUnwindSafe(|| batch.load()));
    let loaded = loaded.map_err(|thrown| RunError::Panicked {
        stage: "source".to_owned(),
        at: None,
        payload: Payload::new(thrown),
    })?;
    loaded.map_err(|source| RunError::Source { source })
}
