//! An async stage on several threads: deals items to shards, and brings what comes back into order.
//!
//! ```text
//!         the task that awaits the run                    a thread for each shard, with a runtime of its own
//! offer -> input -> chunks, to who has the fewest --mail--> driver: starts, polls, retries
//!               take <- output <- window (its turn?) <--mail-- outputs and failures, by mark
//! ```
//!
//! A shard is a driver as it would be in the task, but for what needs to see all items: it has no order, applies no policy, and looks at no budget.
//! These stay here. So the window, the limit in bytes and the lowest failure are those of a stage without shards. Items are known by
//! their marks in the window, which a shard takes for their positions.
//!
//! Bounds: each shard has its part of the operations in flight, and of the window; all mail is of items that are in the window.
//!
//! A shard ends when this is dropped; the run is over when all have.

mod mail;
mod shard;

use crate::driver::{AsyncWorker, Driver, Exit, Input, Progress, Released, Standing};
use crate::edges::Edges;
use crate::ends::Ends;
use crate::flight::Flight;
use crate::output::Output;
use crate::runtime::Runtime;
use mail::Mail;
use pipe_core::plan::{BoxBatch, RunState, Wait, discard};
use pipe_core::{AsyncStep, Batch, BoxError, Flow, Items, Operations, RunError};
use std::marker::PhantomData;
use std::mem::take;
use std::sync::Arc;
use std::task::Waker;
use std::thread;

/// The most items in a chunk: what is left of the work should be worth sharing.
const CHUNK: usize = 1_024;

/// The parts of a shard's window in a chunk: so many that the others have not run dry when it is their turn.
const CHUNKS: usize = 4;

/// One async stage, driven by several shards on runtimes `R`.
pub(crate) struct Shards<S: AsyncStep, R> {
    step: Arc<S>,
    segment: usize,
    shards: Vec<Seat<S>>,
    /// Items that are in the window at most, of all shards.
    window: usize,
    input: Input<S::In>,
    exit: Exit<S::In, S::Out>,
    has_copies: bool,
    failure: Option<RunError>,
    run: Arc<RunState>,
    runtime: PhantomData<fn() -> R>,
}

/// A shard, as seen from the task.
struct Seat<S: AsyncStep> {
    mail: Arc<Mail<S::In, S::Out>>,
    /// How many operations it may have in flight.
    concurrency: usize,
    /// Items that it has and nothing came of.
    items: usize,
}

/// A step that several drivers call.
pub(crate) struct Shared<S>(Arc<S>);

impl<S: AsyncStep> AsyncStep for Shared<S> {
    type In = S::In;
    type Out = S::Out;
    type Future = S::Future;

    fn call(&self, item: S::In) -> S::Future {
        self.0.call(item)
    }

    fn settle(output: <S::Future as Future>::Output) -> Result<S::Out, BoxError> {
        S::settle(output)
    }
}

/// How many shards of `wanted` a stage gets. One is the driver in the task. What counts over all its operations, a rate, a limit for each
/// key, what a service can take, is kept by one driver.
pub(crate) fn shards_of<T: 'static>(operations: &Operations, wanted: usize) -> usize {
    let counts_over_all =
        operations.rate.is_some() || operations.adaptive || operations.key_limit::<T>().is_some();
    if counts_over_all { 1 } else { wanted.min(operations.concurrency) }
}

impl<S: AsyncStep + 'static, R: Runtime> Shards<S, R> {
    /// `count` shards, of which none has begun.
    pub(crate) fn new(step: S, segment: usize, run: &Arc<RunState>, count: usize) -> Self {
        let concurrency = run.operations(segment).concurrency;
        let seat = |number| Seat {
            mail: Arc::new(Mail::new()),
            concurrency: concurrency / count + usize::from(number < concurrency % count),
            items: 0,
        };
        Shards {
            step: Arc::new(step),
            segment,
            shards: (0..count).map(seat).collect(),
            window: Driver::<S, R::Timer>::window_of(run.operations(segment)),
            input: Input::new(),
            exit: Exit::new(run, run.order(segment)),
            has_copies: run.again::<Items<S::In>>(segment).is_some(),
            failure: None,
            run: run.clone(),
            runtime: PhantomData,
        }
    }

    /// Takes what shards have sent. Returns how many items that were.
    fn collect(&mut self, task: &Waker) -> usize {
        let mut came = 0;
        for seat in &mut self.shards {
            let sent = seat.mail.collect(task);
            let before = came;
            for mut outputs in sent.outputs {
                came += outputs.drive(usize::MAX, |mark, item| {
                    self.exit.over(mark, Ok(Ok(item)));
                    Flow::Continue(())
                });
            }
            came += sent.others.len();
            sent.others.into_iter().for_each(|(mark, outcome)| self.exit.window.settle(mark, outcome));
            seat.items -= came - before;
            if let Some(error) = sent.broken {
                self.failure.get_or_insert(error);
            }
        }
        self.exit.land(&self.run, self.segment, Err);
        came
    }

    /// Hands items out, `most` of them. Returns how many.
    fn deal(&mut self, most: usize) -> usize {
        let share = self.window.div_ceil(self.shards.len());
        let chunk = (share / CHUNKS).clamp(1, CHUNK);
        let mut left = self.fresh(most);
        let before = left;
        while left > 0 {
            let Some(seat) = self.shards.iter_mut().min_by_key(|seat| seat.items) else { break };
            let count = chunk.min(left).min(share.saturating_sub(seat.items));
            let (mut marks, mut items) = (Vec::with_capacity(count), Vec::with_capacity(count));
            let exit = &mut self.exit;
            let dealt = self.input.items.drive(count, |at, item| {
                marks.push(exit.window.enter(at));
                items.push(item);
                Flow::Continue(())
            });
            if dealt == 0 {
                break;
            }
            (left, seat.items) = (left - dealt, seat.items + dealt);
            seat.mail.deal(Items::at(marks, items));
        }
        if self.input.items.is_empty() {
            // As in a driver: what it owned would hold the budget on.
            self.input.items = Items::new(0, Vec::new());
        }
        self.run.count_taken(self.segment, before - left);
        before - left
    }

    /// How many items may be handed out.
    fn fresh(&self, most: usize) -> usize {
        let places = self.window.saturating_sub(self.exit.window.len()).min(self.input.items.len());
        // The items themselves are there already.
        let copy = if self.has_copies { self.input.mean_bytes } else { 0 };
        self.exit.fresh(self.each_bytes() + copy, places, &self.run).min(places).min(most)
    }

    /// What an operation will need beside its item, as far as that is known.
    fn each_bytes(&self) -> usize {
        // A driver keeps these where an item may be tried again.
        let again = if self.has_copies { size_of::<Flight<S::In>>() + size_of::<Items<S::In>>() } else { 0 };
        size_of::<S::Future>() + again + self.exit.output.mean_bytes()
    }

    /// Ends all shards, and drops what comes behind the failure.
    #[cold]
    fn fail(&mut self, error: RunError) {
        self.failure = Some(error);
        self.shards.iter().for_each(|seat| seat.mail.hang_up());
        discard(take(&mut self.shards));
        self.exit.forget(self.run.order(self.segment));
        discard(std::mem::replace(&mut self.input.items, Items::new(0, Vec::new())));
    }
}

impl<S: AsyncStep + 'static, R: Runtime> AsyncWorker for Shards<S, R> {
    fn begin(&mut self, edges: &Arc<Edges>, ends: &Arc<Ends>) -> Result<usize, RunError> {
        for (number, seat) in self.shards.iter().enumerate() {
            let (step, run, segment) = (Shared(self.step.clone()), self.run.clone(), self.segment);
            let (mail, concurrency) = (seat.mail.clone(), seat.concurrency);
            let present = ends.enter(edges);
            let body = move || {
                shard::run::<S, R>(step, segment, concurrency, run, mail);
                drop(present);
            };
            let spawned = thread::Builder::new().name(format!("pipe-shard-{number}")).spawn(body);
            spawned.map_err(|error| RunError::Config {
                field: "shards",
                value: error.to_string(),
                why: "each shard needs a thread",
            })?;
        }
        Ok(self.shards.len())
    }

    fn wants(&self) -> bool {
        self.failure.is_none() && self.input.items.is_empty()
    }

    fn offer(&mut self, batch: BoxBatch) {
        self.input.offer(batch);
    }

    fn advance(&mut self, most: usize, task: &Waker) -> Progress {
        if self.failure.is_some() {
            return Progress::default();
        }
        let came = self.collect(task);
        let released = match self.failure.take() {
            Some(error) => Err(error),
            None => self.exit.release(&self.run, self.segment),
        };
        let released = released.unwrap_or_else(|error| {
            self.fail(error);
            true
        });
        let dealt = if self.failure.is_none() { self.deal(most) } else { 0 };
        Progress { moved: released || came + dealt > 0, operations: came }
    }

    fn released(&self, most: usize) -> Released {
        self.exit.output.released(most)
    }

    fn take(&mut self, most: usize) -> Option<BoxBatch> {
        let items = self.exit.output.take(most)?;
        self.run.count_emitted(self.segment, items.len());
        Some(Box::new(items))
    }

    fn bytes(&self) -> usize {
        let items: usize = self.shards.iter().map(|seat| seat.items).sum();
        // As the last batch was weighed: what a shard has of earlier ones it tells nobody.
        let inputs = items * self.input.mean_bytes * if self.has_copies { 2 } else { 1 };
        Batch::bytes(&self.input.items) + inputs + items * self.each_bytes() + self.exit.bytes()
    }

    fn lacks(&self) -> Option<Wait> {
        if self.failure.is_some() || self.exit.window.len() >= self.window {
            return None;
        }
        if self.input.items.is_empty() {
            return Some(Wait::Input);
        }
        let is_full = self.exit.output.len() >= Output::<S::Out>::ENOUGH || self.run.budget().is_overdrawn();
        is_full.then_some(Wait::Room)
    }

    fn segment(&self) -> usize {
        self.segment
    }

    fn standing(&mut self) -> Standing {
        self.exit.standing(&mut self.failure, self.input.items.is_empty())
    }
}

impl<S: AsyncStep, R> Drop for Shards<S, R> {
    fn drop(&mut self) {
        self.shards.iter().for_each(|seat| seat.mail.hang_up());
    }
}
