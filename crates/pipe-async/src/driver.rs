//! An async stage at work: starts operations, polls them, retries them, releases what came of them.
//!
//! ```text
//!                    keys (its key free?)
//!                     |   ^
//! offer -> input -> start -> calls (in flight) -> window (its turn?) -> output -> take
//!                     ^         | failed or too slow, another attempt is left
//!                     due <- alarms
//! ```
//!
//! Policies are applied when an item leaves the window, hence in the order of the items: what fails first in the input is what the run
//! reports, its predecessors are delivered, and dead letters are in order. Operations that were started behind it are dropped.
//!
//! An operation is polled for the first time when it is started: one that is over then has never been in flight, and costs no wake.
//!
//! Bounds: `concurrency` operations in flight; `window` items between start and release, those that wait for their key or for another
//! attempt among them; a few batches that are released; and bytes. What an operation will give is not known before it is there, so the mean of those before stands for it.
//! With nothing under way one operation is always started, and what is tried again always is, so a small limit slows a stage down and
//! never stops it.

mod exit;
mod landing;
mod starting;

use crate::adaptive::Adaptive;
use crate::alarms::Alarms;
use crate::deadlines::Deadlines;
use crate::edges::Edges;
use crate::ends::Ends;
use crate::flight::{Candidate, Flight, Flights, Kept, Outcome};
use crate::keys::Keys;
use crate::output::Output;
use crate::rate::{Throttle, Waited};
use crate::runtime::Timer;
use crate::slab::Slab;
use crate::sleep::Sleeps;
pub(crate) use exit::Exit;
use landing::settle;
use pipe_core::plan::{BoxBatch, RunState, Wait, discard};
use pipe_core::{AsyncStep, Batch, Event, Items, Operations, Order, RunError};
use std::collections::VecDeque;
use std::mem::{replace, take};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// An async stage at work, whatever its types. The conductor calls it.
pub(crate) trait AsyncWorker {
    /// Starts the threads that it needs, before anything else is called. Returns how many.
    ///
    /// # Errors
    /// `Config`: the system refuses one, or the runtime lacks timers that it needs.
    fn begin(&mut self, edges: &Arc<Edges>, ends: &Arc<Ends>) -> Result<usize, RunError>;

    /// Whether it has no more input to start with.
    fn wants(&self) -> bool;

    /// Gives it a batch, when it wants one.
    fn offer(&mut self, batch: BoxBatch);

    /// Starts what may start, then polls what wants it, then ends what takes too long, up to `most` operations each. If anything moved there
    /// may be more to do, and it is to be called again. If not, `task` is woken when there is.
    fn advance(&mut self, most: usize, task: &Waker) -> Progress;

    /// What there is of outputs whose turn it is, where a full batch has `most` bytes.
    fn released(&self, most: usize) -> Released;

    /// Those outputs, about `most` bytes of them.
    fn take(&mut self, most: usize) -> Option<BoxBatch>;

    /// The bytes of all that it holds.
    fn bytes(&self) -> usize;

    /// What keeps it from having more operations in flight: input, or room for what they give. `None`: nothing, or it is its own doing.
    fn lacks(&self) -> Option<Wait>;

    /// The segment that it is.
    fn segment(&self) -> usize;

    /// How it stands.
    fn standing(&mut self) -> Standing;
}

/// What came of a portion of work.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) moved: bool,
    /// How many operations it was about; of several parts, those of the part with the most: a portion is so many for each part.
    pub(crate) operations: usize,
}

impl Progress {
    /// Of two parts.
    pub(crate) fn and(self, other: Progress) -> Progress {
        Progress { moved: self.moved || other.moved, operations: self.operations.max(other.operations) }
    }
}

/// What there is of outputs whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Released {
    Nothing,
    Some,
    /// A full batch, or more.
    Batch,
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

/// Drives the operations of one step, on the clock `C`.
pub(crate) struct Driver<S: AsyncStep, C> {
    step: S,
    bounds: Bounds,
    /// Makes a copy of the next item, where a failed one is tried again.
    again: Option<Again<S::In>>,
    input: Input<S::In>,
    calls: Slab<S::Future>,
    /// What they wait for. Dropped behind them: then it is empty.
    sleeps: Sleeps,
    /// What there is of each beside its mark.
    flights: Flights<S::In>,
    /// What these weigh.
    kept: Kept,
    /// Where there is a limit per key.
    keys: Option<Keys<Candidate<S::In>>>,
    throttle: Option<Throttle>,
    /// Where the service says how many may be in flight.
    adaptive: Option<Adaptive>,
    /// What the throttle told to wait. Then that is what `throttle` is told the next time.
    throttled: Option<Candidate<S::In>>,
    waited: Waited,
    /// When it will let the next one start.
    throttled_until: Option<Duration>,
    /// The next attempts.
    alarms: Alarms<C, Flight<S::In>>,
    deadlines: Deadlines,
    /// Operations that have no time yet at which they began, where that is wanted.
    begun: Vec<usize>,
    /// Items that wait for another attempt.
    waiting: usize,
    /// Their wait is over; they start before new items do.
    due: VecDeque<Flight<S::In>>,
    exit: Exit<S::In, S::Out>,
    /// In a shard: what came of items that gave no output, by their marks. Policies are applied where all of them are seen.
    others: Option<Vec<(u64, Outcome<S::Out>)>>,
    failure: Option<RunError>,
    run: Arc<RunState>,
}

type Again<T> = fn(&Items<T>) -> Option<Items<T>>;

struct Bounds {
    segment: usize,
    stage: u16,
    window: usize,
    timeout: Option<Duration>,
}

/// Items that were not started.
pub(crate) struct Input<T> {
    pub(crate) items: Items<T>,
    /// What one item of the last batch weighed.
    pub(crate) mean_bytes: usize,
}

impl<T: Send + 'static> Input<T> {
    pub(crate) fn new() -> Self {
        Input { items: Items::new(0, Vec::new()), mean_bytes: size_of::<T>() }
    }

    pub(crate) fn offer(&mut self, mut batch: BoxBatch) {
        let items = batch.as_any().downcast_mut::<Items<T>>();
        let items = items.expect("the edge was built for this batch type");
        self.accept(replace(items, Items::new(0, Vec::new())));
    }

    fn accept(&mut self, items: Items<T>) {
        self.mean_bytes = Batch::bytes(&items) / items.len().max(1);
        self.items = items;
    }
}

impl<S: AsyncStep, C: Timer> Driver<S, C> {
    pub(crate) fn new(step: S, segment: usize, run: &Arc<RunState>) -> Self {
        let stage = run.first_stage(segment).expect("an async segment is one stage");
        let operations = run.operations(segment);
        let concurrency = operations.concurrency;
        let (again, key_limit) = (run.again(segment), operations.key_limit::<S::In>());
        let alarms = Alarms::new();
        Driver {
            step,
            bounds: Bounds {
                segment,
                stage,
                window: Self::window_of(operations),
                timeout: operations.timeout,
            },
            again,
            input: Input::new(),
            calls: Slab::new(concurrency),
            sleeps: Sleeps::new(alarms.timer()),
            flights: Flights::new(again.is_some() || key_limit.is_some()),
            kept: Kept::default(),
            keys: key_limit.map(|limit| Keys::new(limit.most)),
            throttle: operations.rate.map(Throttle::new),
            adaptive: operations.adaptive.then(|| Adaptive::new(concurrency)),
            throttled: None,
            waited: Waited::No,
            throttled_until: None,
            alarms,
            deadlines: Deadlines::new(),
            begun: Vec::new(),
            waiting: 0,
            due: VecDeque::new(),
            exit: Exit::new(run, run.order(segment)),
            others: None,
            failure: None,
            run: run.clone(),
        }
    }

    /// The driver of a shard: what it is given is in a window already, whose marks are its positions.
    pub(crate) fn of_shard(step: S, segment: usize, run: &Arc<RunState>, concurrency: usize) -> Self {
        let mut driver = Driver::new(step, segment, run);
        driver.bounds.window = usize::MAX;
        driver.calls = Slab::new(concurrency);
        driver.exit = Exit::new(run, Order::Any);
        driver.others = Some(Vec::new());
        driver
    }

    /// How many items may be between start and release.
    pub(crate) fn window_of(operations: &Operations) -> usize {
        operations.window.unwrap_or(operations.concurrency.saturating_mul(WINDOW))
    }

    /// As `offer`, in a shard.
    pub(crate) fn accept(&mut self, items: Items<S::In>) {
        self.input.accept(items);
    }

    /// As `take`, in a shard.
    pub(crate) fn take_items(&mut self, most: usize) -> Option<Items<S::Out>> {
        self.exit.output.take(most)
    }

    /// In a shard: what came of items that gave no output, by their marks.
    pub(crate) fn take_others(&mut self) -> Vec<(u64, Outcome<S::Out>)> {
        self.others.as_mut().map(take).unwrap_or_default()
    }

    /// What there is of each flight beside its item and what that owns.
    fn flight_bytes(&self) -> usize {
        let copy = if self.again.is_some() { size_of::<Items<S::In>>() } else { 0 };
        size_of::<Flight<S::In>>() + copy
    }

    /// Drops all that comes behind the failure. What came before it waits in `output`.
    #[cold]
    fn fail(&mut self, error: RunError) {
        self.failure = Some(error);
        (self.waiting, self.deadlines, self.kept) = (0, Deadlines::new(), Kept::default());
        // Each by itself: what one throws says nothing new, for the first failure is that of the run, and must not keep the others.
        discard(replace(&mut self.calls, Slab::new(0)));
        discard(replace(&mut self.flights, Flights::new(false)));
        // Nobody turns it from here on. A sleep that has left its operation finds another one.
        discard(replace(&mut self.sleeps, Sleeps::new(self.alarms.timer())));
        discard(replace(&mut self.alarms, Alarms::new()));
        discard((self.keys.take(), self.throttled.take()));
        discard(take(&mut self.due));
        discard(replace(&mut self.input.items, Items::new(0, Vec::new())));
        self.exit.forget(self.run.order(self.bounds.segment));
    }
}

/// Says in the report how many operations a service that was followed had in the end.
impl<S: AsyncStep, C> Drop for Driver<S, C> {
    fn drop(&mut self) {
        if let Some(adaptive) = self.adaptive.as_ref().filter(|_| !std::thread::panicking()) {
            let stage = self.run.name(Some(self.bounds.stage));
            let what =
                format!("the service was given up to {} operations at a time in the end", adaptive.limit());
            self.run.note(Event::Remark { stage, what });
        }
    }
}

impl<S: AsyncStep, C: Timer> AsyncWorker for Driver<S, C> {
    fn begin(&mut self, _: &Arc<Edges>, _: &Arc<Ends>) -> Result<usize, RunError> {
        let needs_timer = self.bounds.timeout.is_some() || self.throttle.is_some() || self.again.is_some();
        if needs_timer { C::check().map(|()| 0) } else { Ok(0) }
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
        self.calls.hold();
        if self.throttle.is_some() || self.adaptive.is_some() {
            self.alarms.look();
        }
        let entered = self.sleeps.enter();
        let mut progress = self.start(most).and(self.poll(most));
        // Behind `start` and `land`, which set alarms: a timer runs only once it has been polled.
        progress = progress.and(self.ring(most, task));
        drop(entered);
        progress.moved |= self.release();
        // The last word: from here on a wake of an operation wakes the task.
        progress.moved = progress.moved || self.calls.arm(task);
        progress
    }

    fn released(&self, most: usize) -> Released {
        self.exit.output.released(most)
    }

    fn take(&mut self, most: usize) -> Option<BoxBatch> {
        let items = self.exit.output.take(most)?;
        self.run.count_emitted(self.bounds.segment, items.len());
        Some(Box::new(items))
    }

    fn bytes(&self) -> usize {
        let held = self.keys.as_ref().map_or(0, Keys::len) + usize::from(self.throttled.is_some());
        let inputs = if self.flights.are_marks() {
            (self.calls.len() + held) * self.input.mean_bytes
        } else {
            let flights = self.calls.len() + held + self.waiting + self.due.len();
            let copies = if self.again.is_some() { self.kept.copies() } else { 0 };
            self.kept.items() + copies + flights * self.flight_bytes()
        };
        Batch::bytes(&self.input.items)
            + inputs
            + self.calls.len() * (size_of::<S::Future>() + self.exit.output.mean_bytes())
            + self.exit.bytes()
    }

    fn lacks(&self) -> Option<Wait> {
        if self.failure.is_some() || self.calls.room() == 0 {
            return None;
        }
        if self.calls.len() == 0 && self.exit.output.len() > 0 {
            // The reader has not taken what there is.
            return Some(Wait::Room);
        }
        if self.input.items.is_empty() {
            return Some(Wait::Input);
        }
        let is_full = self.exit.output.len() >= Output::<S::Out>::ENOUGH || self.run.budget().is_overdrawn();
        is_full.then_some(Wait::Room)
    }

    fn segment(&self) -> usize {
        self.bounds.segment
    }

    fn standing(&mut self) -> Standing {
        self.exit.standing(&mut self.failure, self.input.items.is_empty())
    }
}
