//! An async stage at work: starts operations, polls them, retries them, releases what came of them.
//!
//! ```text
//! offer -> input -> start -> calls (in flight) -> window (its turn?) -> released -> take
//!                     ^         | failed, another attempt is left
//!                     due <- waits
//! ```
//!
//! Policies are applied when an item leaves the window, hence in the order of the items: what fails first in the input is what the run
//! reports, its predecessors are delivered, and dead letters are in order. Operations that were started behind it are dropped.
//!
//! Bounds: `concurrency` operations in flight; `WINDOW` times as many items between start and `take`, those that wait for another attempt
//! among them; and bytes. What an operation will give is not known before it is there, so the mean of those before stands for it. With
//! nothing under way one operation is always started, and what is tried again always is, so a small limit slows a stage down and never
//! stops it.

use crate::output::Output;
use crate::runtime::tokio::{Sleep, sleep};
use crate::slab::{Slab, Thrown};
use crate::window::Window;
use pipe_core::plan::{BoxBatch, Failure, RunState};
use pipe_core::{AsyncStep, Batch, BoxError, Items, Payload, Position, RunError};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

/// An async stage at work, whatever its types. The conductor calls it.
pub(crate) trait AsyncWorker {
    /// Whether it has no more input to start with.
    fn wants(&self) -> bool;

    /// Gives it a batch, when it wants one.
    fn offer(&mut self, batch: BoxBatch);

    /// Starts what may start and polls what wants it, in a bounded number of steps. True if anything moved: then there may be more to do.
    /// `task` is woken when an operation wants to be polled.
    fn advance(&mut self, task: &Waker) -> bool;

    /// The bytes of outputs whose turn it is.
    fn released_bytes(&self) -> usize;

    /// Those outputs, about `most` bytes of them.
    fn take(&mut self, most: usize) -> Option<BoxBatch>;

    /// The bytes of all that it holds.
    fn bytes(&self) -> usize;

    /// How it stands.
    fn standing(&mut self) -> Standing;
}

/// How a stage stands.
pub(crate) enum Standing {
    /// Nothing is under way, and nothing waits to be taken.
    Idle,
    Busy,
    /// It has failed, and all that came before has been taken.
    Failed(RunError),
}

/// Items between start and release, for each operation that may be in flight. One slow operation among four times as many fast ones keeps
/// the others busy; more would only use more memory.
const WINDOW: usize = 4;

/// Operations polled in a row. Some 100 us of cheap ones, after which the task lets others run.
const POLLS: usize = 1_024;

/// Drives the operations of one step.
pub(crate) struct Driver<S: AsyncStep> {
    step: S,
    bounds: Bounds,
    /// Makes a copy of the next item, where a failed one is tried again.
    again: Option<Again<S::In>>,
    input: Input<S::In>,
    calls: Slab<S::Future, Flight<S::In>>,
    waits: Slab<Sleep, Flight<S::In>>,
    /// Their wait is over; they start before new items do.
    due: VecDeque<Flight<S::In>>,
    landed: Vec<(Flight<S::In>, Landing<S::Out>)>,
    window: Window<Outcome<S::Out>>,
    output: Output<S::Out>,
    failure: Option<RunError>,
    run: Arc<RunState>,
}

type Again<T> = fn(&Items<T>) -> Option<Items<T>>;
type Landing<T> = Thrown<Result<T, BoxError>>;

struct Bounds {
    segment: usize,
    stage: u16,
    concurrency: usize,
    window: usize,
}

/// What an operation is for.
struct Flight<T> {
    number: u64,
    at: u64,
    /// From 1.
    attempt: u32,
    /// The item, for another attempt.
    copy: Option<Items<T>>,
}

/// What came of an item.
enum Outcome<T> {
    Emitted { at: u64, item: T },
    Failed { at: u64, attempts: u32, error: BoxError },
    Ended(RunError),
}

/// Items that were not started.
struct Input<T> {
    items: Items<T>,
    /// What one item of the last batch weighed.
    mean_bytes: usize,
}

impl<S: AsyncStep> Driver<S> {
    pub(crate) fn new(step: S, segment: usize, run: &Arc<RunState>) -> Self {
        let stage = run.first_stage(segment).expect("an async segment is one stage");
        let concurrency = run.concurrency(segment);
        let window = concurrency.saturating_mul(WINDOW);
        Driver {
            step,
            bounds: Bounds { segment, stage, concurrency, window },
            again: run.again(segment),
            input: Input { items: Items::new(0, Vec::new()), mean_bytes: size_of::<S::In>() },
            calls: Slab::new(),
            waits: Slab::new(),
            due: VecDeque::new(),
            landed: Vec::new(),
            window: Window::new(run.order(segment)),
            output: Output::new(run),
            failure: None,
            run: run.clone(),
        }
    }

    /// How many operations may be started now. Items that are due are not held up by the budget: they are in memory already, and others
    /// may wait behind them.
    fn may_start(&self) -> usize {
        let between = self.window.len() + self.output.len();
        let places = self.bounds.window.saturating_sub(between);
        let budget = self.run.budget();
        let nothing_under_way = between == 0;
        let fit = (budget.free() / self.output.mean_bytes()).max(usize::from(nothing_under_way));
        let calls = self.bounds.concurrency.saturating_sub(self.calls.len());
        calls.min(places.min(fit) + self.due.len())
    }

    fn start(&mut self) -> bool {
        let mut left = self.may_start();
        let mut fresh = 0;
        let mut started = false;
        while left > 0 {
            let Some((flight, item)) = self.next_due().or_else(|| self.next_fresh(&mut fresh)) else { break };
            left -= 1;
            started = true;
            let called = catch_unwind(AssertUnwindSafe(|| self.step.call(item)));
            match called {
                Ok(future) => self.calls.insert(future, flight),
                Err(thrown) => self.landed.push((flight, Err(thrown))),
            }
        }
        self.run.count_taken(self.bounds.segment, fresh);
        started
    }

    fn next_due(&mut self) -> Option<(Flight<S::In>, S::In)> {
        let mut flight = self.due.pop_front()?;
        let mut items = flight.copy.take()?;
        flight.copy = self.copy(&items);
        let (_, item) = items.next_at()?;
        Some((flight, item))
    }

    fn next_fresh(&mut self, fresh: &mut usize) -> Option<(Flight<S::In>, S::In)> {
        let copy = self.copy(&self.input.items);
        let (at, item) = self.input.items.next_at()?;
        *fresh += 1;
        Some((Flight { number: self.window.enter(), at, attempt: 1, copy }, item))
    }

    fn copy(&self, items: &Items<S::In>) -> Option<Items<S::In>> {
        self.again.and_then(|again| again(items))
    }

    /// What to do about the operations that are over.
    fn land(&mut self) {
        let mut landed = std::mem::take(&mut self.landed);
        for (flight, landing) in landed.drain(..) {
            let outcome = match landing {
                Ok(Ok(item)) => self.emitted(flight.at, item),
                Ok(Err(error)) => {
                    if flight.copy.is_some() && self.try_again(flight.attempt) {
                        self.wait(flight);
                        continue;
                    }
                    Outcome::Failed { at: flight.at, attempts: flight.attempt, error }
                }
                Err(thrown) => Outcome::Ended(self.panicked(flight.at, thrown)),
            };
            self.window.settle(flight.number, outcome);
        }
        self.landed = landed;
    }

    fn emitted(&mut self, at: u64, item: S::Out) -> Outcome<S::Out> {
        let bytes = self.output.weigh(&item);
        let budget = self.run.budget();
        if bytes > budget.limit() {
            let stage = self.run.name(Some(self.bounds.stage));
            return Outcome::Ended(budget.refusal(stage, bytes, budget.in_use()));
        }
        self.output.expect(bytes);
        Outcome::Emitted { at, item }
    }

    fn try_again(&self, attempt: u32) -> bool {
        self.run.retry(self.bounds.stage).is_some_and(|retry| attempt < retry.attempts())
    }

    /// Puts an item aside until its next attempt. It makes room for another operation meanwhile.
    fn wait(&mut self, mut flight: Flight<S::In>) {
        let Some(retry) = self.run.retry(self.bounds.stage) else { return };
        self.run.count_retried(self.bounds.stage);
        let span = retry.wait(flight.attempt, flight.at);
        flight.attempt += 1;
        self.waits.insert(sleep(span), flight);
    }

    #[cold]
    fn panicked(&self, at: u64, thrown: Box<dyn Any + Send>) -> RunError {
        let (stage, at) = (self.run.name(Some(self.bounds.stage)), Some(Position::from_raw(at)));
        RunError::Panicked { stage, at, payload: Payload::new(thrown) }
    }

    /// Lets out of the window what may leave it, and applies the policy to what failed.
    fn release(&mut self) -> bool {
        let mut released = false;
        while self.failure.is_none()
            && let Some(outcome) = self.window.leave()
        {
            released = true;
            let failed = match outcome {
                Outcome::Emitted { at, item } => {
                    self.output.push(at, item);
                    continue;
                }
                Outcome::Failed { at, attempts, error } => self.failed(at, attempts, error),
                Outcome::Ended(error) => Err(error),
            };
            if let Err(error) = failed {
                self.fail(error);
            }
        }
        released
    }

    fn failed(&self, at: u64, attempts: u32, error: BoxError) -> Result<(), RunError> {
        let at = Some(Position::from_raw(at));
        self.run.failed(self.bounds.stage, Failure { at, record: None, error, attempts, more: 0 })?;
        self.run.check_ratios(self.bounds.segment)
    }

    /// Drops all that comes behind the failure. What came before it waits in `output`.
    #[cold]
    fn fail(&mut self, error: RunError) {
        self.failure = Some(error);
        (self.calls, self.waits) = (Slab::new(), Slab::new());
        self.due.clear();
        self.landed.clear();
        self.window = Window::new(self.run.order(self.bounds.segment));
        self.input.items = Items::new(0, Vec::new());
        self.output.forget_waiting();
    }
}

impl<S: AsyncStep> AsyncWorker for Driver<S> {
    fn wants(&self) -> bool {
        self.failure.is_none() && self.input.items.is_empty()
    }

    fn offer(&mut self, mut batch: BoxBatch) {
        let items = batch.as_any().downcast_mut::<Items<S::In>>();
        let items = items.expect("the edge was built for this batch type");
        self.input.items = std::mem::replace(items, Items::new(0, Vec::new()));
        let items = &self.input.items;
        self.input.mean_bytes = Batch::bytes(items) / items.len().max(1);
    }

    fn advance(&mut self, task: &Waker) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let started = self.start();
        let landed = &mut self.landed;
        let mut more = self.calls.poll(task, POLLS, |flight, ended| {
            // Turning an output into an item is the step's own code as well.
            let settle = |output| catch_unwind(AssertUnwindSafe(|| S::settle(output)));
            landed.push((flight, ended.and_then(settle)));
        });
        // A place that became free lets another one start, in the next round.
        let mut freed = !self.landed.is_empty();
        self.land();
        // Behind `land`, which puts items in here: a timer runs only once it has been polled.
        let due = &mut self.due;
        more |= self.waits.poll(task, POLLS, |flight, _| due.push_back(flight));
        freed |= !self.due.is_empty();
        let released = self.release();
        started || more || released || freed && self.may_start() > 0
    }

    fn released_bytes(&self) -> usize {
        self.output.len() * self.output.mean_bytes()
    }

    fn take(&mut self, most: usize) -> Option<BoxBatch> {
        let items = self.output.take(most)?;
        self.run.count_emitted(self.bounds.segment, items.len());
        Some(Box::new(items))
    }

    fn bytes(&self) -> usize {
        let waiting = self.waits.len() + self.due.len();
        let copies = if self.again.is_some() { self.calls.len() } else { 0 };
        let inputs = (self.calls.len() + waiting + copies) * self.input.mean_bytes;
        Batch::bytes(&self.input.items)
            + inputs
            + self.calls.len() * self.output.mean_bytes()
            + self.output.bytes()
    }

    fn standing(&mut self) -> Standing {
        if self.output.len() > 0 {
            return Standing::Busy;
        }
        match self.failure.take() {
            Some(error) => Standing::Failed(error),
            None if self.window.len() == 0 && self.input.items.is_empty() => Standing::Idle,
            None => Standing::Busy,
        }
    }
}
