//! One segment between an iterator and a sink, as the loop that one would write by hand.
//!
//! ```text
//! for item in items { chain.push(item) -> sink.write(output) }
//! ```
//!
//! A batch between source and chain, and another between chain and sink, cost some 3 ns an item: nothing beside a parser, twice the work
//! of a cheap step. Here there is none. The same chain can be opened into nodes when more workers are wanted.

use crate::batch::Items;
use crate::cancel::Leash;
use crate::context::{Context, SINK};
use crate::error::{Payload, RunError};
use crate::item::Own;
use crate::lower::Counted;
use crate::observer::{Part, Watched};
use crate::plan::{Loop, Nodes, Ran, Worker};
use crate::position::Position;
use crate::resident::Resident;
use crate::run::RunState;
use crate::segment::{Fused, FusedWorker, Slot};
use crate::sink::Sink;
use crate::sink_node::SinkNode;
use crate::source::FromIter;
use crate::stage::{BoxError, Emit, Flow, Stage, Step};
use crate::timed::{self, Timed};
use std::any::Any;
use std::mem;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The chain between an iterator's items and `T`.
type Segment<I, C, T> = Fused<C, Items<<I as Iterator>::Item>, Own<<I as Iterator>::Item>, T, false>;

/// The most items of a slice while a stage is not steady, but may become so: [`Stage::is_steady`].
const MOST_UNSTEADY: usize = 4_096;

pub(crate) struct Straight<I: Iterator, C: Stage, T, S: Sink<T>> {
    /// `None` after a panic.
    source: Option<FromIter<I>>,
    segment: Arc<Segment<I, C, T>>,
    /// `None` before the first item, after a panic, and at the end.
    state: Option<C::State>,
    sink: SinkNode<T, S>,
    context: Context,
    leash: Leash,
    weight: Resident,
    part: Option<Part>,
    run: Arc<RunState>,
}

impl<I, C, T, S> Straight<I, C, T, S>
where
    I: Iterator<Item: Send + 'static> + Send,
    T: Send + 'static,
    C: Step<I::Item, Out = T>,
    S: Sink<T>,
{
    pub(crate) fn new(source: FromIter<I>, chain: C, sink: SinkNode<T, S>, run: Arc<RunState>) -> Self {
        let segment = Arc::new(Fused::new(chain, 0));
        let leash = run.cancel().source_leash();
        let context = Context::new(run.clone(), 0, leash.knife());
        let weight = Resident::new(0);
        let (source, part) = (Some(source), run.part(0));
        Straight { source, segment, state: None, sink, context, leash, weight, part, run }
    }

    /// After a slice: counts, and the error that ends the run, if there is one.
    fn settle(
        &mut self,
        at: Option<u64>,
        taken: usize,
        emitted: u64,
        torn: Option<BoxError>,
    ) -> Result<(), RunError> {
        self.run.count_pulled(taken * size_of::<I::Item>());
        self.run.count_taken(0, taken);
        self.run.count_emitted(0, emitted as usize);
        self.sink.count(emitted);
        if let Some(source) = torn {
            return Err(RunError::Sink { written: self.sink.written, source });
        }
        if self.context.is_noted() { self.context.settle(at, None) } else { Ok(()) }
    }

    /// Up to `limit` items.
    fn slice(&mut self, limit: usize) -> Result<Ran, RunError> {
        if self.run.is_draining() {
            return Ok(Ran::Done(0));
        }
        let state = match self.state.take() {
            Some(state) => state,
            None => self.segment.make_state(&self.run)?,
        };
        let steady = self.is_steady(&state)?;
        let source = self.source.take().expect("a loop that failed is not used again");
        let sink = self.sink.sink.take().expect("a loop that failed is not used again");
        let (chain, context, first) = (&self.segment.chain, &mut self.context, source.next);
        let limit =
            limit.min(Resident::most_items(chain)).min(if steady { usize::MAX } else { MOST_UNSTEADY });
        let until = self.leash.pay_out_source(limit as u64);
        let (mut passed, mut emitted) = (0, 0);
        let parts = Parts { source, state, sink };
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let (passed, emitted) = (Tally::to(&mut passed), Tally::to(&mut emitted));
            if C::MAY_BE_UNSTEADY && steady {
                return through::<I, C, T, S, true>(chain, parts, until, context, passed, emitted);
            }
            through::<I, C, T, S, false>(chain, parts, until, context, passed, emitted)
        }));
        // Items that went through; the one that failed, panicked or had enough is the next.
        let Looped { stopped, parts: Parts { mut source, state, sink }, torn } =
            ran.map_err(|thrown| self.panicked(Some(first + passed), emitted, thrown))?;
        let taken = passed as usize + usize::from(stopped == ControlFlow::Break(Stopped::Enough));
        source.next += taken as u64;
        (self.state, self.source, self.sink.sink) = (Some(state), Some(source), Some(sink));
        // The item lent last: what a policy says is about that one.
        let last = (first + taken as u64).checked_sub(1);
        self.settle(last, taken, emitted, torn)?;
        self.weigh()?;
        Ok(match stopped {
            ControlFlow::Continue(()) => Ran::Done(taken),
            ControlFlow::Break(Stopped::Limit) if self.run.is_draining() => Ran::Done(taken),
            ControlFlow::Break(Stopped::Limit) => Ran::More(taken),
            ControlFlow::Break(Stopped::Enough) => {
                self.run.had_enough(0);
                Ran::Enough(taken)
            }
        })
    }

    fn is_steady(&mut self, state: &C::State) -> Result<bool, RunError> {
        let asked = catch_unwind(AssertUnwindSafe(|| self.segment.chain.is_steady(state)));
        asked.map_err(|thrown| self.panicked(None, 0, thrown))
    }

    /// Lets the stages emit what they kept, and commits the sink.
    fn end(&mut self) -> Result<(), RunError> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.segment.make_state(&self.run)?,
        };
        self.weight.release(&self.run, &self.segment.chain, &mut state)?;
        let mut sink = self.sink.sink.take().expect("a loop that failed is not used again");
        let (chain, context) = (&self.segment.chain, &mut self.context);
        let mut emitted = 0;
        let emitted_out = &mut emitted;
        let ran = catch_unwind(AssertUnwindSafe(move || {
            let mut end = SinkEnd::new(&mut sink, Tally::to(emitted_out), context);
            let finished = catch_unwind(AssertUnwindSafe(|| _ = chain.finish(state, &mut end)));
            let finished = finished.map_err(Payload::new);
            let torn = end.torn.take();
            drop(end);
            (sink, torn, finished)
        }));
        let (sink, torn, finished) = ran.map_err(|thrown| self.panicked(None, emitted, thrown))?;
        self.sink.sink = Some(sink);
        // What failed before it, and only then what it threw: states are dropped in there, too.
        self.settle(None, 0, emitted, torn)?;
        finished.map_err(|thrown| self.panicked(None, 0, thrown.into_inner()))?;
        self.sink.commit()
    }

    /// An accumulator counts against the memory limit.
    fn weigh(&mut self) -> Result<(), RunError> {
        let Some(state) = &mut self.state else { return Ok(()) };
        self.weight.weigh(&self.run, &self.segment.chain, state)
    }

    #[cold]
    fn panicked(&mut self, at: Option<u64>, emitted: u64, thrown: Box<dyn Any + Send>) -> RunError {
        let (stage, at) = match self.context.take_panicked() {
            Some(SINK) => ("sink".to_owned(), Some(self.sink.written + emitted)),
            None if at.is_some() => ("source".to_owned(), None),
            stage => (self.run.name(stage), at),
        };
        let at = at.map(Position::from_raw);
        RunError::Panicked { stage, at, payload: Payload::new(thrown) }
    }
}

impl<'p, I, C, T, S> Loop<'p> for Straight<I, C, T, S>
where
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
    S: Sink<T, Done: 'p> + 'p,
{
    /// Source, stages and sink are one loop, so their time is one: it is written down as that of the segment.
    fn run(&mut self, limit: usize) -> Result<Ran, RunError> {
        let run = self.run.clone();
        let mut watched = Watched::begin(&run, self.part);
        let ran = self.slice(limit);
        run.count_busy(0, watched.stop());
        watched.tell(timed::items(&ran), 0, Duration::ZERO);
        ran
    }

    fn finish(&mut self) -> Result<(), RunError> {
        let run = self.run.clone();
        let mut watched = Watched::begin(&run, self.part);
        let finished = self.end();
        run.count_busy(0, watched.stop());
        watched.tell(0, 0, Duration::ZERO);
        finished
    }

    fn open(self: Box<Self>) -> Nodes<'p> {
        let this = *self;
        let source = this.source.expect("a loop that failed is not opened");
        let (segment, run) = (this.segment, this.run);
        let first = this.state.map(|state| {
            let worker = FusedWorker::new(segment.clone(), Slot::Ready(state), run.clone());
            let worker = worker.weighing(this.weight);
            Box::new(Timed::new(Box::new(worker), 0, run.clone())) as Box<dyn Worker + 'p>
        });
        let source = Box::new(Counted { source, run: run.clone() });
        let nodes = vec![timed::parallel(segment, 0), timed::serial(Box::new(this.sink), 1, &run)];
        Nodes { source, nodes, first }
    }
}

/// What the loop works on, and gives back. In its own frame while it runs: there the optimiser keeps it in registers.
struct Parts<I: Iterator, C: Stage, S> {
    source: FromIter<I>,
    state: C::State,
    sink: S,
}

/// A loop that has stopped, by no panic.
struct Looped<I: Iterator, C: Stage, S> {
    stopped: ControlFlow<Stopped>,
    parts: Parts<I, C, S>,
    /// Why the sink could not go on.
    torn: Option<BoxError>,
}

/// The loop itself. Out of line, so that `chain` is an argument: what lies behind one that is only read does not change, for the optimiser.
/// So what closures own stays in registers. Elsewhere it is read again for each item, because of the load of `until`.
#[inline(never)]
fn through<I, C, T, S, const STEADY: bool>(
    chain: &C,
    parts: Parts<I, C, S>,
    until: &AtomicU64,
    context: &mut Context,
    mut passed: Tally<'_>,
    emitted: Tally<'_>,
) -> Looped<I, C, S>
where
    I: Iterator,
    C: Step<I::Item, Out = T>,
    S: Sink<T>,
{
    let Parts { mut source, mut state, mut sink } = parts;
    let mut end = SinkEnd::new(&mut sink, emitted, context);
    // Inner iteration: faster for iterators such as `chain` and `flatten`.
    let stopped = source.items.try_for_each(
        #[inline(always)]
        |item| {
            let went = match STEADY {
                true => chain.push_steady(&mut state, item, &mut end),
                false => chain.push(&mut state, item, &mut end),
            };
            if went.is_break() {
                return ControlFlow::Break(Stopped::Enough);
            }
            passed.n += 1;
            if passed.n < until.load(Relaxed) {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(Stopped::Limit)
        },
    );
    drop(passed);
    // The pause is short, but behind it there may be several workers: see `open`.
    if end.torn.is_none() {
        let _ = chain.rest(&mut state, &mut end);
    }
    let torn = end.torn.take();
    drop(end);
    Looped { stopped, parts: Parts { source, state, sink }, torn }
}

/// Why the iteration stopped before its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// Or cancelled: the caller looks.
    Limit,
    Enough,
}

/// Counts in a register and writes down how far it came on the way out, also while a panic unwinds.
struct Tally<'t> {
    n: u64,
    to: &'t mut u64,
}

impl<'t> Tally<'t> {
    /// Two that begin alike and count alike are one register.
    fn to(to: &'t mut u64) -> Self {
        Tally { n: 0, to }
    }
}

impl Drop for Tally<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.to = self.n;
    }
}

/// The end of the chain: writes into the sink.
struct SinkEnd<'e, S> {
    sink: &'e mut S,
    emitted: Tally<'e>,
    /// Why the sink could not go on.
    torn: Option<BoxError>,
    context: &'e mut Context,
}

impl<'e, S> SinkEnd<'e, S> {
    fn new(sink: &'e mut S, emitted: Tally<'e>, context: &'e mut Context) -> Self {
        SinkEnd { sink, emitted, torn: None, context }
    }
}

impl<T, S: Sink<T>> Emit<T> for SinkEnd<'_, S> {
    #[inline(always)]
    fn emit(&mut self, item: T) -> Flow {
        let unwinding = InSink { context: &mut *self.context };
        let written = unwinding.watch(|| self.sink.write(item));
        match written {
            Ok(()) => {
                self.emitted.n += 1;
                Flow::Continue(())
            }
            Err(error) => {
                self.torn = Some(error);
                Flow::Break(())
            }
        }
    }

    #[inline(always)]
    fn context(&mut self) -> &mut Context {
        self.context
    }
}

/// Tells the harness that a panic comes from the sink; forgotten where there is none.
struct InSink<'c> {
    context: &'c mut Context,
}

impl InSink<'_> {
    #[inline(always)]
    fn watch<R>(self, write: impl FnOnce() -> R) -> R {
        let result = write();
        mem::forget(self);
        result
    }
}

impl Drop for InSink<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.context.unwound_in_sink();
    }
}
