//! The gate in front of the sink: admits batches, orders what they became, and bounds the bytes in between.
//!
//! # Protocol
//!
//! Everything below is under one mutex, except running the sink. A batch moves about 100 us of work, and takes the lock four times for
//! some 20 ns each.
//!
//! * **Admit.** Before a worker pulls, it reserves a place in the window and bytes of the budget. It sleeps while there is neither.
//! * **Ticket.** Given under the source lock, after the pull: tickets count batches in source order, without gaps.
//! * **Put.** A worker puts the outputs of its ticket, in parts; then it completes the ticket.
//! * **Drain.** After each put or completion, the worker looks: if the sink is in its place and a part of the *head* ticket is there
//!   (any part, if order does not matter), it takes the sink out, leaves the lock, writes the part, comes back and looks again. When the
//!   head is complete and empty, the next ticket is the head. So the sink is run by one thread at a time and in order, and nobody waits
//!   for it: who finds it taken leaves its part and goes on.
//!
//! # Why nothing is lost and nothing waits for ever
//!
//! * *A part that is put while another drains.* The drainer looks at the queue again under the lock before it puts the sink back; the
//!   part was either there then, or its owner comes after and finds the sink in place. There is no moment in between.
//! * *A worker asleep with room to go on.* Room appears when a part was written, a ticket was completed, or a permit was given back. Each
//!   is followed by the same thread taking the lock and waking all sleepers; a sleeper checks under the lock before it sleeps.
//! * *All asleep.* Who sleeps in `admit` has no ticket. Who sleeps in `put` is not the head, or is the head and another drains its parts.
//!   So the worker of the head ticket always runs, unless it waits for the drainer, who runs. When the head completes, a later ticket
//!   becomes the head and its worker wakes. With nothing in flight the budget grants any size, so one batch can always be admitted.
//! * *A failure at ticket `f`* closes all tickets above: their workers stop at the next slice, their parts are not taken any more. Lower
//!   tickets complete and are delivered; so are the parts of `f` that were put before. `f` is never completed, so the head stops there.
//!   A lower failure that comes later replaces it. A failure of the sink closes everything.

use crate::end::End;
use pipe_core::plan::{BoxBatch, RunState, Worker};
use pipe_core::{Budget, Flow, Order, Payload, Permit, RunError};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// See the module's text.
pub(crate) struct Gate<'p> {
    state: Mutex<State<'p>>,
    changed: Condvar,
    /// Tickets from this one on are not wanted any more. Only lowered. Relaxed: it publishes nothing, and who misses a change sees it a
    /// slice later.
    closed_from: AtomicU64,
    budget: Budget,
    /// Batches that may be in flight. 32 per worker: with 8, one item of 1 ms among a thousand of 1 us costs a tenth at 2 cores.
    window: usize,
    order: Order,
    run: Arc<RunState>,
}

struct State<'p> {
    /// `None` while someone drains.
    sink: Option<End<'p>>,
    /// The lowest ticket that is not delivered.
    head: u64,
    /// What waits: `tickets[i]` is of ticket `head + i`. All in the first one, if order does not matter.
    tickets: VecDeque<Waiting>,
    /// Batches that were admitted and are not delivered.
    in_flight: usize,
    failure: Option<Failure>,
    sleepers: usize,
}

#[derive(Default)]
struct Waiting {
    parts: VecDeque<Part>,
    complete: bool,
}

/// A batch that waits for the sink, and the bytes it was charged.
struct Part {
    batch: BoxBatch,
    permit: Permit,
}

struct Failure {
    at: Place,
    error: RunError,
}

/// What failed first, in input order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The batch of this ticket. `Sink` is before `Stage`: what it was writing had been emitted before.
    Ticket(u64, Side),
    /// A worker, while it finished.
    Finish,
    /// Not an item's fault.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Sink,
    Stage,
}

impl<'p> Gate<'p> {
    pub(crate) fn new(
        sink: Box<dyn Worker + Send + 'p>,
        order: Order,
        workers: usize,
        run: Arc<RunState>,
    ) -> Self {
        let state = State {
            sink: Some(End::new(sink)),
            head: 0,
            tickets: VecDeque::new(),
            in_flight: 0,
            failure: None,
            sleepers: 0,
        };
        Gate {
            state: Mutex::new(state),
            changed: Condvar::new(),
            closed_from: AtomicU64::new(u64::MAX),
            budget: run.budget().clone(),
            window: workers.saturating_mul(32).max(64),
            order,
            run,
        }
    }

    /// Reserves a place in the window and `bytes`; waits for both. `None`: the run is over.
    pub(crate) fn admit(&self, bytes: usize) -> Option<Permit> {
        let mut state = self.lock();
        loop {
            if self.is_closed(u64::MAX - 1) || self.run.is_cancelled() {
                return None;
            }
            if state.in_flight < self.window
                && let Some(permit) = self.budget.try_take(bytes)
            {
                state.in_flight += 1;
                return Some(permit);
            }
            state = self.sleep(state);
        }
    }

    /// Gives back a place that was not used: the source was at its end.
    pub(crate) fn withdraw(&self, permit: Permit) {
        drop(permit);
        let mut state = self.lock();
        state.in_flight -= 1;
        self.wake(&state);
    }

    /// Takes a part of ticket `ticket`, and may run the sink. Waits while the budget is overdrawn, unless the sink could take this part
    /// at once. `Break`: the ticket is not wanted any more.
    pub(crate) fn put(&self, ticket: u64, batch: BoxBatch) -> Flow {
        let permit = self.budget.overdraw(batch.bytes());
        let mut state = self.lock();
        if self.is_closed(ticket) {
            return Flow::Break(());
        }
        let index = self.index(&state, ticket);
        state.waiting(index).parts.push_back(Part { batch, permit });
        state = self.drain(state);
        loop {
            if self.is_closed(ticket) {
                return Flow::Break(());
            }
            let index = self.index(&state, ticket);
            let mine_is_taken = index == 0 && state.waiting(0).parts.is_empty();
            if mine_is_taken || self.budget.in_use() <= self.budget.limit() {
                return Flow::Continue(());
            }
            state = self.sleep(state);
        }
    }

    /// Takes the last part of a ticket, if there is one, and completes it. May run the sink.
    pub(crate) fn complete(&self, ticket: u64, last: Option<BoxBatch>) {
        let last = last.map(|batch| Part { permit: self.budget.overdraw(batch.bytes()), batch });
        let mut state = self.lock();
        if !self.is_closed(ticket) {
            let index = self.index(&state, ticket);
            let waiting = state.waiting(index);
            waiting.parts.extend(last);
            match self.order {
                Order::Preserve => waiting.complete = true,
                Order::Any => state.in_flight -= 1,
            }
        }
        state = self.drain(state);
        self.wake(&state);
    }

    /// Ends the run with `error`, unless a lower place failed too.
    pub(crate) fn fail(&self, at: Place, error: RunError) {
        let mut state = self.lock();
        self.record(&mut state, at, error);
        let state = self.drain(state);
        self.wake(&state);
    }

    /// Whether ticket `ticket` is not wanted any more.
    pub(crate) fn is_closed(&self, ticket: u64) -> bool {
        ticket >= self.closed_from.load(Relaxed)
    }

    /// After all workers have left: the error of the run, or its sink.
    pub(crate) fn close(self) -> Result<End<'p>, RunError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.failure {
            Some(failure) => Err(failure.error),
            None => {
                debug_assert!(
                    state.tickets.iter().all(|waiting| waiting.parts.is_empty()),
                    "parts were left at the gate"
                );
                debug_assert_eq!(state.in_flight, 0, "batches were left in flight");
                Ok(state.sink.expect("nobody drains any more"))
            }
        }
    }

    /// Runs the sink on all that may be delivered now, if nobody else does. Leaves the lock meanwhile.
    fn drain<'g>(&'g self, mut state: MutexGuard<'g, State<'p>>) -> MutexGuard<'g, State<'p>> {
        while let Some(mut sink) = state.sink.take() {
            let Some(Part { mut batch, permit }) = state.next(self) else {
                state.sink = Some(sink);
                break;
            };
            let head = state.head;
            drop(state);
            let written = sink.write(&mut *batch, &self.run);
            // The batch's own `drop` is the items' and may panic.
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(batch)));
            drop(permit);
            state = self.lock();
            state.sink = Some(sink);
            match (written, dropped) {
                (Err(RunError::Cancelled), _) => {
                    self.record(&mut state, Place::Cancelled, RunError::Cancelled)
                }
                (Err(error), _) => self.record(&mut state, Place::Ticket(head, Side::Sink), error),
                (Ok(()), Err(thrown)) => {
                    let (stage, payload) = ("drop of an item".to_owned(), Payload::new(thrown));
                    let error = RunError::Panicked { stage, at: None, payload };
                    self.record(&mut state, Place::Ticket(head, Side::Sink), error);
                }
                (Ok(()), Ok(())) => {}
            }
            self.wake(&state);
        }
        state
    }

    fn record(&self, state: &mut State<'p>, at: Place, error: RunError) {
        let closed_from = match at {
            Place::Ticket(ticket, Side::Stage) if self.order == Order::Preserve => ticket + 1,
            _ => 0,
        };
        self.closed_from.fetch_min(closed_from, Relaxed);
        if state.failure.as_ref().is_none_or(|failure| at < failure.at) {
            state.failure = Some(Failure { at, error });
        }
    }

    fn index(&self, state: &State<'p>, ticket: u64) -> usize {
        match self.order {
            Order::Preserve => usize::try_from(ticket - state.head).expect("the window is far smaller"),
            Order::Any => 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'p>> {
        // Nothing panics under the lock; if something did, the counters would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'g>(&self, mut state: MutexGuard<'g, State<'p>>) -> MutexGuard<'g, State<'p>> {
        state.sleepers += 1;
        let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.sleepers -= 1;
        state
    }

    /// A system call, so only where somebody sleeps.
    fn wake(&self, state: &State<'p>) {
        if state.sleepers > 0 {
            self.changed.notify_all();
        }
    }
}

impl State<'_> {
    fn waiting(&mut self, index: usize) -> &mut Waiting {
        while self.tickets.len() <= index {
            self.tickets.push_back(Waiting::default());
        }
        &mut self.tickets[index]
    }

    /// The next part to write. Moves the head over tickets that are complete and empty.
    fn next(&mut self, gate: &Gate<'_>) -> Option<Part> {
        loop {
            // A sink that failed is not used again.
            if gate.is_closed(self.head) && gate.closed_from.load(Relaxed) == 0 {
                return None;
            }
            let front = self.tickets.front_mut()?;
            if let Some(part) = front.parts.pop_front() {
                return Some(part);
            }
            if !front.complete {
                return None;
            }
            self.tickets.pop_front();
            self.head += 1;
            self.in_flight -= 1;
        }
    }
}
