//! An async stage at work: starts operations, polls them, retries them, releases what came of them.
//!
//! ```text
//!                    keys (its key free?)
//!                     |   ^
//! offer -> input -> start -> calls (in flight) -> window (its turn?) -> released -> take
//!                     ^         | failed or too slow, another attempt is left
//!                     due <- alarms
//! ```
//!
//! Policies are applied when an item leaves the window, hence in the order of the items: what fails first in the input is what the run
//! reports, its predecessors are delivered, and dead letters are in order. Operations that were started behind it are dropped.
//!
//! Bounds: `concurrency` operations in flight; `window` items between start and `take`, those that wait for their key or for another
//! attempt among them; and bytes. What an operation will give is not known before it is there, so the mean of those before stands for it.
//! With nothing under way one operation is always started, and what is tried again always is, so a small limit slows a stage down and
//! never stops it.

use crate::alarms::Alarms;
use crate::keys::Keys;
use crate::output::Output;
use crate::rate::{Throttle, Waited};
use crate::runtime::Timer;
use crate::slab::{Slab, Thrown};
use crate::wheel::Key;
use crate::window::Window;
use pipe_core::plan::{BoxBatch, Failure, RunState};
use pipe_core::{AsyncStep, Batch, BoxError, Items, Payload, Position, RunError, TookTooLong};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

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

/// Items between start and release for each operation that may be in flight, unless set. One slow operation among four times as many
/// fast ones keeps the others busy; more would only use more memory.
const WINDOW: usize = 4;

/// Operations polled in a row. Some 100 us of cheap ones, after which the task lets others run.
const POLLS: usize = 1_024;

/// Drives the operations of one step, on the clock `C`.
pub(crate) struct Driver<S: AsyncStep, C> {
    step: S,
    bounds: Bounds,
    /// Makes a copy of the next item, where a failed one is tried again.
    again: Option<Again<S::In>>,
    input: Input<S::In>,
    calls: Slab<S::Future, Flight<S::In>>,
    /// Where there is a limit per key.
    keys: Option<Keys<Ready<S::In>>>,
    throttle: Option<Throttle>,
    /// What the throttle told to wait. Then that is what `throttle` is told the next time.
    throttled: Option<Ready<S::In>>,
    waited: Waited,
    alarms: Alarms<C, Alarm<S::In>>,
    /// Operations that have no alarm yet, where there is a timeout.
    begun: Vec<usize>,
    /// Items that wait for another attempt.
    waiting: usize,
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
    timeout: Option<Duration>,
}

/// What an operation is for.
struct Flight<T> {
    number: u64,
    at: u64,
    /// From 1.
    attempt: u32,
    /// The item, for another attempt.
    copy: Option<Items<T>>,
    /// Its key, where there is a limit for each.
    key: Option<u64>,
    /// Goes off when it takes too long.
    alarm: Option<Key>,
}

/// An item that may start, as far as its key goes.
type Ready<T> = (Flight<T>, T);

/// What an alarm is for.
enum Alarm<T> {
    /// The operation at this place takes too long.
    TooLong(usize),
    /// The next attempt is due.
    Attempt(Flight<T>),
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

/// How many items may be let in now, and how many were.
struct Fresh {
    left: usize,
    taken: usize,
}

/// Turning an output into an item is the step's own code as well.
fn settle<S: AsyncStep>(output: <S::Future as Future>::Output) -> Landing<S::Out> {
    catch_unwind(AssertUnwindSafe(|| S::settle(output)))
}

impl<S: AsyncStep, C: Timer> Driver<S, C> {
    pub(crate) fn new(step: S, segment: usize, run: &Arc<RunState>) -> Self {
        let stage = run.first_stage(segment).expect("an async segment is one stage");
        let operations = run.operations(segment);
        let concurrency = operations.concurrency;
        let window = operations.window.unwrap_or(concurrency.saturating_mul(WINDOW));
        Driver {
            step,
            bounds: Bounds { segment, stage, concurrency, window, timeout: operations.timeout },
            again: run.again(segment),
            input: Input { items: Items::new(0, Vec::new()), mean_bytes: size_of::<S::In>() },
            calls: Slab::new(),
            keys: operations.key_limit::<S::In>().map(|limit| Keys::new(limit.most)),
            throttle: operations.rate.map(Throttle::new),
            throttled: None,
            waited: Waited::No,
            alarms: Alarms::new(),
            begun: Vec::new(),
            waiting: 0,
            due: VecDeque::new(),
            landed: Vec::new(),
            window: Window::new(run.order(segment)),
            output: Output::new(run),
            failure: None,
            run: run.clone(),
        }
    }

    /// How many items may be let in now. Those that are due are in memory already, and others may wait behind them: they are not held up.
    fn fresh(&self) -> Fresh {
        let between = self.window.len() + self.output.len();
        let places = self.bounds.window.saturating_sub(between);
        let budget = self.run.budget();
        let (nothing_under_way, mean) = (between == 0, self.output.mean_bytes());
        let fit = budget.free() / mean;
        if fit == 0 && places > 0 && !self.input.items.is_empty() {
            // A request, refused as a rule: so that runs that share the budget and have more than their parts leave room for it.
            drop(budget.try_take(mean));
        }
        Fresh { left: places.min(fit.max(usize::from(nothing_under_way))), taken: 0 }
    }

    /// Starts what may start. True if it started or let in anything.
    fn start(&mut self) -> bool {
        let mut fresh = self.fresh();
        let mut started = false;
        self.alarms.look_at(None);
        while self.calls.len() < self.bounds.concurrency {
            let Some((flight, item)) = self.candidate(&mut fresh) else {
                self.waited = Waited::No;
                break;
            };
            let now = self.alarms.now();
            if let Some(Err(at)) = self.throttle.as_mut().map(|throttle| throttle.admit(now, self.waited)) {
                self.alarms.look_at(Some(at));
                (self.throttled, self.waited) = (Some((flight, item)), Waited::Yes);
                break;
            }
            started = true;
            self.call(flight, item);
        }
        self.time();
        if self.input.items.is_empty() {
            // A batch that was taken from still weighs what its items owned. Kept, it would hold the budget while nothing is under way.
            self.input.items = Items::new(0, Vec::new());
        }
        self.run.count_taken(self.bounds.segment, fresh.taken);
        started || fresh.taken > 0
    }

    fn call(&mut self, flight: Flight<S::In>, item: S::In) {
        let called = catch_unwind(AssertUnwindSafe(|| self.step.call(item)));
        match called {
            Ok(future) => {
                let place = self.calls.insert(future, flight);
                if self.bounds.timeout.is_some() {
                    self.begun.push(place);
                }
            }
            Err(thrown) => self.landed.push((flight, Err(thrown))),
        }
    }

    /// The time of operations that were started begins now, behind all the calls of the user's function.
    fn time(&mut self) {
        let Some(timeout) = self.bounds.timeout.filter(|_| !self.begun.is_empty()) else { return };
        self.alarms.look();
        for place in self.begun.drain(..) {
            if let Some(flight) = self.calls.tag_mut(place) {
                flight.alarm = Some(self.alarms.set(timeout, Alarm::TooLong(place)));
            }
        }
    }

    /// The next item to start, its key taken. Those whose key is not free are put aside.
    fn candidate(&mut self, fresh: &mut Fresh) -> Option<Ready<S::In>> {
        if let Some(throttled) = self.throttled.take() {
            return Some(throttled);
        }
        loop {
            if let Some(ready) = self.keys.as_mut().and_then(Keys::next_ready) {
                return Some(ready);
            }
            let next = self.next_due().or_else(|| self.next_fresh(fresh))?;
            match (&mut self.keys, next.0.key) {
                (Some(keys), Some(key)) => {
                    if let Some(ready) = keys.enter(key, next) {
                        return Some(ready);
                    }
                }
                _ => return Some(next),
            }
        }
    }

    fn next_due(&mut self) -> Option<Ready<S::In>> {
        let mut flight = self.due.pop_front()?;
        let mut items = flight.copy.take()?;
        flight.copy = self.copy(&items);
        let (_, item) = items.next_at()?;
        Some((flight, item))
    }

    fn next_fresh(&mut self, fresh: &mut Fresh) -> Option<Ready<S::In>> {
        loop {
            fresh.left = fresh.left.checked_sub(1)?;
            let copy = self.copy(&self.input.items);
            let (at, item) = self.input.items.next_at()?;
            fresh.taken += 1;
            let number = self.window.enter();
            let mut flight = Flight { number, at, attempt: 1, copy, key: None, alarm: None };
            match self.key(&item) {
                Ok(key) => {
                    flight.key = key;
                    return Some((flight, item));
                }
                Err(thrown) => self.landed.push((flight, Err(thrown))),
            }
        }
    }

    /// The key of an item, where there is a limit for each.
    fn key(&self, item: &S::In) -> Thrown<Option<u64>> {
        if self.keys.is_none() {
            return Ok(None);
        }
        let limit = self.run.operations(self.bounds.segment).key_limit();
        catch_unwind(AssertUnwindSafe(|| limit.map(|limit| limit.key(item))))
    }

    fn copy(&self, items: &Items<S::In>) -> Option<Items<S::In>> {
        self.again.and_then(|again| again(items))
    }

    /// What to do about the operations that are over.
    fn land(&mut self) {
        let mut landed = std::mem::take(&mut self.landed);
        for (mut flight, landing) in landed.drain(..) {
            flight.alarm.take().and_then(|alarm| self.alarms.clear(alarm));
            if let (Some(keys), Some(key)) = (&mut self.keys, flight.key) {
                keys.leave(key);
            }
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
        self.run.tries_again(self.bounds.stage, attempt)
    }

    /// Puts an item aside until its next attempt. It makes room for another operation meanwhile.
    fn wait(&mut self, mut flight: Flight<S::In>) {
        let Some(retry) = self.run.retry(self.bounds.stage) else { return };
        self.run.count_retried(self.bounds.stage);
        let span = retry.wait(flight.attempt, flight.at);
        flight.attempt += 1;
        self.waiting += 1;
        self.alarms.look();
        self.alarms.set(span, Alarm::Attempt(flight));
    }

    /// Does what alarms are for. True if there were any.
    fn ring(&mut self, task: &Waker) -> bool {
        let (calls, due, landed) = (&mut self.calls, &mut self.due, &mut self.landed);
        let (waiting, timeout) = (&mut self.waiting, self.bounds.timeout.unwrap_or_default());
        let mut rung = 0;
        let looked = self.alarms.poll(&mut Context::from_waker(task), |alarm| {
            rung += 1;
            match alarm {
                Alarm::Attempt(flight) => {
                    *waiting -= 1;
                    due.push_back(flight);
                }
                Alarm::TooLong(place) => {
                    // It may be over, and this task have been late: so it is asked once more.
                    if let Some((mut flight, ended)) = calls.poll_one(place) {
                        flight.alarm = None;
                        landed.push((flight, ended.and_then(settle::<S>)));
                    } else if let Some((mut flight, dropped)) = calls.remove(place) {
                        flight.alarm = None;
                        landed.push((flight, dropped.map(|()| Err(TookTooLong::new(timeout).into()))));
                    }
                }
            }
        });
        self.land();
        looked || rung > 0
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
        (self.calls, self.alarms, self.waiting) = (Slab::new(), Alarms::new(), 0);
        (self.keys, self.throttled) = (None, None);
        self.due.clear();
        self.landed.clear();
        self.window = Window::new(self.run.order(self.bounds.segment));
        self.input.items = Items::new(0, Vec::new());
        self.output.forget_waiting();
    }
}

impl<S: AsyncStep, C: Timer> AsyncWorker for Driver<S, C> {
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
        if self.throttle.is_some() {
            self.alarms.look();
        }
        let started = self.start();
        let landed = &mut self.landed;
        let more = self.calls.poll(task, POLLS, |flight, ended| {
            landed.push((flight, ended.and_then(settle::<S>)));
        });
        // A place that became free lets another one start, in the next round.
        let freed = !self.landed.is_empty();
        self.land();
        // Behind `start` and `land`, which set alarms: a timer runs only once it has been polled.
        let rung = self.ring(task);
        let released = self.release();
        started || more || freed || rung || released
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
        let held = self.keys.as_ref().map_or(0, Keys::len) + usize::from(self.throttled.is_some());
        let waiting = self.waiting + self.due.len();
        let copies = if self.again.is_some() { self.calls.len() + held } else { 0 };
        let inputs = (self.calls.len() + held + waiting + copies) * self.input.mean_bytes;
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
