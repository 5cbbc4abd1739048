//! What a step is: a shared definition, a private state per worker, and what it does with one item.
//!
//! Items are *pushed*: a step gets an item and emits zero, one or many. So a filter is a branch, a flat-map is a loop, and a fused
//! chain of steps is one loop body after inlining. Every `push` and `emit` on that way is `#[inline(always)]`: with plain `#[inline]`
//! the optimiser leaves calls in chains of eight cheap steps, which cost a quarter of the speed.

use crate::context::Context;
use crate::event::Event;
use crate::opaque::opaque;
use std::error::Error;
use std::marker::PhantomData;
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

/// Go on, or stop early. `Break` means enough, cancelled or failed; it is not an error in itself.
pub type Flow = ControlFlow<()>;

/// Any error that may cross threads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The definition of a step: closures and settings, shared by all workers.
pub trait Stage: Send + Sync {
    /// What one worker needs for itself. It is made on the thread that uses it, once per worker, so it needs no lock and need not be
    /// `Send`. It does not depend on the item type: no state can keep a borrowed row.
    ///
    /// One that panics in its `Drop` ends a run that went well, and changes nothing in one that has failed. While its own stage panics that is a
    /// second panic, which aborts the process, as everywhere in Rust: ask `std::thread::panicking()`.
    type State;

    /// How many workers may share this stage.
    const SHARING: Sharing = Sharing::PerWorker;

    /// A chain without a step: its segment need not exist.
    #[doc(hidden)]
    const EMPTY: bool = false;

    /// Whether a state may be unsteady, see [`is_steady`](Stage::is_steady). A chain with such a stage has two loops, which costs the time to
    /// compile another one.
    const MAY_BE_UNSTEADY: bool = false;

    /// Makes the state of one worker.
    fn state(&self) -> Self::State;

    /// Whether the next items can all go through [`Step::push_steady`]: for a stage that has decided something which holds for many of them, so
    /// that it need not look at its decision for each. Asked before each slice of items: some thousand, and no more than 10 ms of them
    /// where nothing else ends a slice. One that is unsteady is asked again after 4,096 items at the latest.
    fn is_steady(&self, state: &Self::State) -> bool {
        let _ = state;
        true
    }

    /// The bytes that a state keeps alive, for states that grow: an accumulator. Counted against the memory limit, now and then.
    fn state_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }

    /// When [`Step::rest`] is to be called though no item comes, by the run's clock: for what a state keeps until it is old enough.
    #[doc(hidden)]
    fn due(&self, state: &Self::State) -> Option<Duration> {
        let _ = state;
        None
    }

    /// Whether [`spill`](Stage::spill) can do something.
    fn spills(&self) -> bool {
        false
    }

    /// Puts on disk what a state can do without at present, and returns how many bytes were written. Called between items, when the state
    /// holds more than its part of the memory limit.
    ///
    /// # Errors
    /// What the disk said. The run ends with it.
    fn spill(&self, state: &mut Self::State) -> Result<u64, BoxError> {
        let _ = state;
        Ok(0)
    }
}

/// How a stage may be shared between workers; each stage declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// What comes out for an item depends on nothing else.
    Stateless,
    /// Each worker has a state of its own; the result does not depend on who got which item.
    PerWorker,
    /// It depends on the items before: run by one worker at a time, in order. Added with [`Pipeline::serial`](crate::Pipeline::serial).
    Serial,
}

/// What a stage does with an item of type `In`: emits zero, one or many outputs.
///
/// ```
/// use pipe_core::{Emit, Flow, Inline, Stage, Step, from_iter};
///
/// /// Emits every item `n` times.
/// struct Repeat(usize);
///
/// impl Stage for Repeat {
///     type State = ();
///     fn state(&self) {}
/// }
///
/// impl<T: Clone> Step<T> for Repeat {
///     type Out = T;
///     fn push<O: Emit<T>>(&self, _: &mut (), item: T, out: &mut O) -> Flow {
///         for _ in 0..self.0 {
///             out.emit(item.clone())?;
///         }
///         Flow::Continue(())
///     }
/// }
///
/// let twice = from_iter(["a", "b"]).stage(Repeat(2)).collect().run_on(&Inline)?;
/// assert_eq!(twice.value, ["a", "a", "b", "b"]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Step<In>: Stage {
    /// What it emits.
    type Out;

    /// Takes one item. Returns what `emit` or `fail` returned, so that stopping travels up; a `Break` of its own means that this stage
    /// has had enough, which ends the whole run without an error.
    fn push<O: Emit<Self::Out>>(&self, state: &mut Self::State, item: In, out: &mut O) -> Flow;

    /// The same as [`push`](Step::push), called where the state [is steady](Stage::is_steady): as short as the decision allows. An executor may
    /// call `push` all the same.
    #[inline(always)]
    fn push_steady<O: Emit<Self::Out>>(&self, state: &mut Self::State, item: In, out: &mut O) -> Flow {
        self.push(state, item, out)
    }

    /// Called where a worker pauses: behind its batch, before what it emitted is put into its place among the batches of others. A step
    /// that gathers items into larger ones, and whose outputs have an order, emits what it has gathered here; what it keeps over a pause
    /// comes out behind the items of later batches. Under [`Pipeline::retry`](crate::Pipeline::retry) called for each attempt, so that
    /// one that failed leaves nothing. May be called again with nothing in between.
    ///
    /// ```
    /// use pipe_core::{Emit, Flow, Inline, Stage, Step, from_iter};
    ///
    /// /// Adds up what is next to each other; where the sums are cut is nobody's business, their order is.
    /// struct Sums;
    ///
    /// impl Stage for Sums {
    ///     type State = Option<u64>;
    ///     fn state(&self) -> Option<u64> {
    ///         None
    ///     }
    /// }
    ///
    /// impl Step<u64> for Sums {
    ///     type Out = u64;
    ///     fn push<O: Emit<u64>>(&self, sum: &mut Option<u64>, n: u64, _: &mut O) -> Flow {
    ///         *sum.get_or_insert(0) += n;
    ///         Flow::Continue(())
    ///     }
    ///     fn rest<O: Emit<u64>>(&self, sum: &mut Option<u64>, out: &mut O) -> Flow {
    ///         sum.take().map_or(Flow::Continue(()), |sum| out.emit(sum))
    ///     }
    ///     fn finish<O: Emit<u64>>(&self, mut sum: Option<u64>, out: &mut O) -> Flow {
    ///         self.rest(&mut sum, out)
    ///     }
    /// }
    ///
    /// let sums = from_iter(0..1_000).stage(Sums).collect().run_on(&Inline)?;
    /// assert_eq!(sums.value.iter().sum::<u64>(), 499_500);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    #[inline(always)]
    fn rest<O: Emit<Self::Out>>(&self, state: &mut Self::State, out: &mut O) -> Flow {
        let _ = (state, out);
        Flow::Continue(())
    }

    /// Called once per worker after its last item, unless the run failed or was cancelled. There may be something gathered then.
    fn finish<O: Emit<Self::Out>>(&self, state: Self::State, out: &mut O) -> Flow {
        let _ = (state, out);
        Flow::Continue(())
    }
}

/// Where the outputs of a step go. A stage only calls it.
pub trait Emit<T> {
    /// Hands on one item. A stage that gets `Break` returns it at once.
    fn emit(&mut self, item: T) -> Flow;

    /// What the run knows of this worker.
    fn context(&mut self) -> &mut Context;

    /// Reports that the current item failed. The stage's policy decides what follows: `Continue` (the item is gone, go on with the
    /// next one) or `Break` (the run ends). Either way, return it.
    fn fail(&mut self, error: BoxError) -> Flow {
        self.context().failed(None, error)
    }

    /// Tells the report something that this stage has found out: how often a cache was hit, what it fell back to. For [`Step::finish`]: a line
    /// for each worker at most, under the name of the stage.
    fn remark(&mut self, what: String) {
        let _ = what;
    }

    /// Tells the report how many items have passed this stage.
    #[doc(hidden)]
    fn count_passed(&mut self, items: u64) {
        let _ = items;
    }
}

/// Two steps fused into one. The only combinator: a chain is `Then<Then<Identity, A>, B>`.
pub struct Then<A, B> {
    first: A,
    pub(crate) second: B,
    /// Names `second` in errors and reports: its index in the pipeline.
    id: u16,
}

opaque!([A, B] Then[A, B]);

impl<A, B> Then<A, B> {
    pub(crate) fn new(first: A, second: B, id: u16) -> Self {
        Then { first, second, id }
    }
}

impl<A: Stage, B: Stage> Stage for Then<A, B> {
    type State = (A::State, B::State);

    const SHARING: Sharing = if (A::SHARING as u8) < (B::SHARING as u8) { B::SHARING } else { A::SHARING };

    const MAY_BE_UNSTEADY: bool = A::MAY_BE_UNSTEADY || B::MAY_BE_UNSTEADY;

    fn state(&self) -> Self::State {
        (self.first.state(), self.second.state())
    }

    fn is_steady(&self, (a, b): &Self::State) -> bool {
        self.first.is_steady(a) && self.second.is_steady(b)
    }

    fn state_bytes(&self, (a, b): &Self::State) -> usize {
        self.first.state_bytes(a) + self.second.state_bytes(b)
    }

    fn due(&self, (a, b): &Self::State) -> Option<Duration> {
        self.first.due(a).into_iter().chain(self.second.due(b)).min()
    }

    fn spills(&self) -> bool {
        self.first.spills() || self.second.spills()
    }

    fn spill(&self, (a, b): &mut Self::State) -> Result<u64, BoxError> {
        Ok(self.first.spill(a)? + self.second.spill(b)?)
    }
}

impl<In, A: Step<In>, B: Step<A::Out>> Step<In> for Then<A, B> {
    type Out = B::Out;

    #[inline(always)]
    fn push<O: Emit<B::Out>>(&self, (a, b): &mut Self::State, item: In, out: &mut O) -> Flow {
        let link: Link<'_, B, O, false> = Link { stage: &self.second, state: b, id: self.id, out };
        self.first.push(a, item, &mut { link })
    }

    #[inline(always)]
    fn push_steady<O: Emit<B::Out>>(&self, (a, b): &mut Self::State, item: In, out: &mut O) -> Flow {
        let link: Link<'_, B, O, true> = Link { stage: &self.second, state: b, id: self.id, out };
        self.first.push_steady(a, item, &mut { link })
    }

    #[inline(always)]
    fn rest<O: Emit<B::Out>>(&self, (a, b): &mut Self::State, out: &mut O) -> Flow {
        let mut link: Link<'_, B, O, false> =
            Link { stage: &self.second, state: &mut *b, id: self.id, out: &mut *out };
        self.first.rest(a, &mut link)?;
        named(self.id, out, |out| self.second.rest(b, out))
    }

    fn finish<O: Emit<B::Out>>(&self, (a, mut b): Self::State, out: &mut O) -> Flow {
        let mut link: Link<'_, B, O, false> =
            Link { stage: &self.second, state: &mut b, id: self.id, out: &mut *out };
        self.first.finish(a, &mut link)?;
        named(self.id, out, |out| self.second.finish(b, out))
    }
}

/// Hands what the first step emits to the second, as a steady one or not.
struct Link<'l, B: Stage, O, const STEADY: bool> {
    stage: &'l B,
    state: &'l mut B::State,
    id: u16,
    out: &'l mut O,
}

impl<T, B: Step<T>, O: Emit<B::Out>, const STEADY: bool> Emit<T> for Link<'_, B, O, STEADY> {
    #[inline(always)]
    fn emit(&mut self, item: T) -> Flow {
        let (stage, state) = (self.stage, &mut *self.state);
        named(
            self.id,
            self.out,
            #[inline(always)]
            |out| if STEADY { stage.push_steady(state, item, out) } else { stage.push(state, item, out) },
        )
    }

    #[inline(always)]
    fn context(&mut self) -> &mut Context {
        self.out.context()
    }
}

/// Calls a step with an emitter that knows the step's name: for failures, and, while a panic unwinds, for the harness.
///
/// The emitter is forgotten on every return, so only unwinding runs its `Drop`: the way that goes well pays nothing.
#[inline(always)]
fn named<T, O: Emit<T>>(id: u16, out: &mut O, call: impl FnOnce(&mut Named<'_, T, O>) -> Flow) -> Flow {
    let mut out = Named { id, out, item: PhantomData };
    let flow = call(&mut out);
    mem::forget(out);
    flow
}

/// An emitter that knows which stage emits.
struct Named<'n, T, O: Emit<T>> {
    id: u16,
    out: &'n mut O,
    item: PhantomData<fn(T)>,
}

impl<T, O: Emit<T>> Emit<T> for Named<'_, T, O> {
    #[inline(always)]
    fn emit(&mut self, item: T) -> Flow {
        self.out.emit(item)
    }

    #[inline(always)]
    fn context(&mut self) -> &mut Context {
        self.out.context()
    }

    #[inline(always)]
    fn fail(&mut self, error: BoxError) -> Flow {
        let id = self.id;
        self.out.context().failed(Some(id), error)
    }

    fn remark(&mut self, what: String) {
        let run = self.out.context().run();
        run.note(Event::Remark { stage: run.name(Some(self.id)), what });
    }

    fn count_passed(&mut self, items: u64) {
        let id = self.id;
        self.out.context().run().count_passed(id, items);
    }
}

impl<T, O: Emit<T>> Drop for Named<'_, T, O> {
    // Inlined, with a cold call inside that takes values only: a pointer to `self` that escapes would force this struct into memory
    // on the way that goes well, two stores per stage and item.
    #[inline(always)]
    fn drop(&mut self) {
        let id = self.id;
        self.out.context().unwound(id);
    }
}
