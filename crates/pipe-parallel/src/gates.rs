//! What the workers of a run share besides the source: the gates behind the rows, what waits at them, and the order of it all.
//!
//! # The shape
//!
//! A plan is a list of *stretches*: a row of parallel segments, and the gate behind it, which is a row of serial nodes. The sink is the
//! last node of the last gate. What a gate emits is work for the next stretch.
//!
//! ```text
//! source --tickets--> [ row 0 ] --> gate 0 --tickets--> [ row 1 ] --> gate 1 (.. sink)
//!           lock     any worker    in order            any worker    in order
//! ```
//!
//! # Protocol
//!
//! The books of all stretches are under one mutex. Nothing of the user's runs under it. A batch moves about 200 us of work, and takes the
//! lock three times per stretch for some 20 ns each. Who has nothing to do sleeps on a bell (`bell.rs`).
//!
//! * **Look for a job** (`next_job`). The batch that is furthest downstream, because that frees memory; else to finish the worker's own
//!   states of a stretch that has been delivered; else, while no stretch has more in flight than the window, bytes of the budget for a
//!   pull; else sleep.
//! * **Ticket.** Tickets count the batches of a stretch in order, without gaps: those of the first one under the source lock, after the
//!   pull; those of the others by whoever runs the gate before it, of which there is one at a time. They are claimed in order.
//! * **Put.** A worker puts the outputs of its ticket at the gate, in parts; then it completes the ticket.
//! * **Drain.** After each put or completion, the worker looks: if the gate is in its place and a part of the *head* ticket is there
//!   (any part, if order does not matter), it takes the gate out, leaves the lock, runs the serial nodes on the part, comes back and
//!   looks again. When the head is complete and empty, the next ticket is the head. So a gate is run by one thread at a time and in
//!   order, and nobody waits for it: who finds it taken leaves its part and goes on.
//! * **Piece.** Who has found no job for 200 us, while a processor idles, lets all loops pause once. Who has worked on its batch for that long
//!   then cuts off the back half of what is left: a piece, with a place of its own in the order, right behind what it was cut off. It
//!   enters that in the books and puts the piece on its own deque, both under the lock. Before it looks for another job it takes back what
//!   nobody has stolen. To the gate a piece is like a ticket. More in `pieces.rs`.
//! * **Stand in.** Who says that it waits (`blocking.rs`) is replaced by a thread more. When nobody waits for whom it would work, that one rests
//!   instead of looking for a job, and hands on a ring that it was woken by. It still finishes its own states, and takes back its own pieces.
//! * **Room** (`room.rs`). Who put something and finds the budget overdrawn does not go on before there is room. It *helps*: it works on tickets of
//!   stretches further downstream. It only sleeps while there are none that nobody works on.
//! * **Keep back.** What an attempt of `.retry` emits stays with its worker until the attempt is over, and counts. A worker that finds the budget
//!   overdrawn with it waits in the same place and in the same way as if it had put it: for room, or until it is the head with all parts
//!   taken. Without an order there is no head: then the first one that asks goes on until its ticket is complete.
//! * **Finish.** When a stretch has ended and all of its tickets have passed the gate, each worker that has states there finishes them,
//!   on its own thread: a seat behind all tickets, with puts and a completion as for a ticket; seats are in the order of the workers, so
//!   accumulators are merged in a fixed order. Then the gate finishes its serial nodes, and with that the next stretch has ended. The
//!   last gate is finished, and the sink committed, by the calling thread after all have left.
//!
//! # Why nothing is lost and nothing waits for ever
//!
//! * *A part that is put while another drains.* The drainer looks at the books again under the lock before it puts the gate back; the
//!   part was either there then, or its owner comes after and finds the gate in place. There is no moment in between.
//! * *A worker asleep with something to do.* Room and jobs appear when a part was taken, a ticket made or completed, a piece offered, or a
//!   permit given back. Each is followed by the same thread taking the lock and ringing; a sleeper listens under the lock, having looked,
//!   before it sleeps. For room all are woken. For a job one is, and if it finds one it wakes the next; so of several jobs that appeared
//!   at once none waits beside a sleeper. That is enough while every worker can do every job. After the source has ended, each has
//!   states of its own to finish; after a failure, who has failed takes no pieces: then all are woken.
//! * *Who runs whom.* A thread that helps from within stretch `k` (its row or its gate) takes tickets and pieces of stretches behind `k`
//!   only. So it never needs a row or a gate that it is inside of, and its stack is no deeper than there are stretches.
//! * *A piece that nobody takes.* While a worker has pieces of a stretch on its deque it begins nothing else in that stretch, so they are
//!   behind what it is working on there; and it takes the lowest one first. So if the head is such a piece, its owner is not in that
//!   row; when it looks for a job, or waits upstream, it finds the piece. So it is as if the owner had claimed it.
//! * *All asleep.* Of the stretches with a ticket in flight take the last one, `j`. If its head is claimed, then by a thread that is in
//!   nothing further downstream (or is a piece, see above): it runs, or waits in `put` for somebody else who drains its parts. That one is inside of gate `j`,
//!   behind which nothing is in flight: it never waits. If the head of `j` is not claimed, none of its tickets is; then each thread that
//!   waits is upstream of `j` and would help, and each that looks for a job would take it. So somebody runs. With nothing in flight the
//!   budget grants any size, so one batch can always be admitted.
//! * *One that keeps outputs back.* It waits as in `put`, helps as in `put`, and is woken as in `put`: the head moves, bytes come back and the run
//!   ends under the lock or before it is taken, and all who wait for room are rung for after that. The head itself waits for nobody but who
//!   drains its parts, and so does the one that goes on without an order. So *all asleep* above says the same of it. A seat that goes on without
//!   an order gives that back when it is complete, which each claimed seat becomes, also one that is closed or has failed.
//! * *Memory.* A thread that goes on in spite of an overdrawn budget is the head of its stretch with all parts taken, or runs a gate
//!   behind which nothing is in flight. So each stretch adds at most what one batch becomes, in buffers: per worker one that was put and
//!   one that is held back or filled, and one per serial node. What is kept back adds a record: that of the head, which is gone when the
//!   head moves, because it moves when all of its parts have passed the gate; or of the one without an order, but for its last parts.
//!
//! # How a run ends early
//!
//! Everything in a later stretch comes from earlier items than what is still in front of a gate. So of two places the one in the later
//! stretch is the lower one, whatever its ticket; within a stretch the gate is before its row, because what it works on was emitted
//! before; and within a row tickets count.
//!
//! * *A failure* at ticket `f` of a row closes the higher tickets of its stretch, and all tickets of the stretches before. A failure in
//!   a gate closes all tickets of its stretch and of those before. What is closed is dropped, and a failure there is not heard of any
//!   more; everything else goes on and is delivered. So a failure that is heard of is lower than the one before, and takes its place.
//! * *Enough*, of a stage or a serial node, closes the same tickets. It is no failure, and it undoes one that it closes: a loop would
//!   never have come there. Then the run finishes as at the end of the source.
//! * *A run that has failed* finishes nothing: its workers do what is left of the lower tickets. Those that find nothing sleep, because
//!   the failure may be undone and their accumulators be needed. When all of them have come to sleep it is over.
//! * *A piece* is between what it was cut off and what comes behind that, also for this: places are compared, not tickets. Whoever has come
//!   to an end or a failure in a row takes no pieces of that row any more, because they may be lower; those of its own are higher.
//! * *Cancelled, or out of time*, it drops everything at once. The switch rings for who sleeps. If there is a deadline, sleepers look every
//!   few milliseconds: then the loops of the others, whose slices may have become long, are cut off too.

use crate::apart::Apart;
use crate::asleep::Asleep;
use crate::bell::Listening;
use crate::bells::Bells;
use crate::blocking::Waits;
use crate::crew::Strength;
use crate::ending::Failure;
use crate::hands::Hands;
use crate::job::Ticket;
use crate::ledger::{Ledger, Part};
use crate::pieces::{Deque, Pieces};
use crate::room::Waiter;
use crate::seat::{Bar, Place, Seat};
use crate::splits::Splits;
use crate::stretch::Stretch;
use crate::tuning::Bounds;
use pipe_core::plan::{BoxBatch, RunState, SerialLine};
use pipe_core::{Budget, Flow, Permit, RunError};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the module's text.
pub(crate) struct Gates<'p> {
    state: Apart<Mutex<State<'p>>>,
    pub(crate) bells: Arc<Bells>,
    pub(crate) bars: Vec<Bar>,
    /// Nothing more is pulled. Set under the source lock or this one; read outside of both only to save work.
    ended: AtomicBool,
    pub(crate) budget: Budget,
    /// Batches that may be in flight in a stretch when another one is pulled.
    window: AtomicUsize,
    pub(crate) splits: Splits,
    pub(crate) pieces: Pieces,
    /// While so many work, one more would only take the time of another.
    pub(crate) processors: usize,
    /// Without stand-ins.
    pub(crate) workers: usize,
    pub(crate) waits: Arc<Waits>,
    /// The segments of each gate.
    pub(crate) serial: Vec<Range<usize>>,
    pub(crate) run: Arc<RunState>,
}

pub(crate) struct State<'p> {
    pub(crate) lanes: Vec<Lane<'p>>,
    pub(crate) failure: Option<Failure>,
    /// Why everything was dropped.
    pub(crate) abandoned: Option<RunError>,
    /// What was closed, until somebody has left the lock to drop it.
    pub(crate) rubbish: Vec<Part>,
    /// Nothing more is wanted of the source, and it may wait for others: until somebody has left the lock to tell it.
    pub(crate) unwanted: bool,
    /// Workers that have come and not left, and those of them that look for a job and find none.
    pub(crate) seated: usize,
    pub(crate) idle: usize,
    /// Of these, stand-ins that rest: they look for nothing.
    pub(crate) resting: usize,
    /// The run has failed, and nobody has anything left to do.
    pub(crate) over: bool,
}

/// One stretch.
pub(crate) struct Lane<'p> {
    pub(crate) ledger: Ledger,
    pub(crate) gate: Gate<'p>,
}

pub(crate) enum Gate<'p> {
    Here(SerialLine<'p>),
    /// Someone drains.
    Out,
    /// It has failed. What comes here is dropped.
    Broken,
}

pub(crate) type Guard<'g, 'p> = MutexGuard<'g, State<'p>>;

impl<'p> Gates<'p> {
    /// Takes the serial nodes out of the stretches. With the deques of each worker, one per stretch.
    pub(crate) fn new(
        stretches: &mut [Stretch<'p>],
        Strength { bounds: Bounds { workers, window, .. }, processors, .. }: Strength,
        run: &Arc<RunState>,
    ) -> (Self, Vec<Vec<Deque>>) {
        let lane = |stretch: &mut Stretch<'p>| Lane {
            ledger: Ledger::new(stretch),
            gate: Gate::Here(SerialLine::new(run.clone(), std::mem::take(&mut stretch.gate))),
        };
        let mut lanes: Vec<_> = stretches.iter_mut().map(lane).collect();
        lanes.last_mut().expect("a plan has a sink").ledger.set_finished();
        let state = State {
            lanes,
            failure: None,
            abandoned: None,
            rubbish: Vec::new(),
            unwanted: false,
            seated: 0,
            idle: 0,
            resting: 0,
            over: false,
        };
        // As many stand-ins as workers.
        let (pieces, deques) = Pieces::new(stretches.len(), workers.saturating_mul(2));
        let bells = Bells::new();
        let gates = Gates {
            state: Apart(Mutex::new(state)),
            // One worker is to be one thread, whatever it waits for.
            waits: Waits::new(if workers > 1 { workers } else { 0 }, &bells),
            bells,
            serial: stretches.iter().map(|stretch| stretch.serial.clone()).collect(),
            bars: stretches.iter().map(|_| Bar::new()).collect(),
            ended: AtomicBool::new(false),
            budget: run.budget().clone(),
            window: AtomicUsize::new(window),
            splits: Splits::new(stretches.len(), workers),
            pieces,
            processors,
            workers,
            run: run.clone(),
        };
        (gates, deques)
    }

    /// How many batches may be in flight in a stretch when another one is pulled.
    pub(crate) fn window(&self) -> usize {
        self.window.load(Relaxed)
    }

    /// Changes that. Nobody waits for it to become smaller.
    pub(crate) fn set_window(&self, window: usize) {
        self.window.store(window, Relaxed);
    }

    /// A worker comes.
    pub(crate) fn arrive(&self) {
        self.lock().seated += 1;
    }

    /// A worker has made its states of all stretches: so each is finished by somebody, also if no item comes there.
    pub(crate) fn join(&self, worker: usize) {
        self.lock().lanes.iter_mut().for_each(|lane| lane.ledger.join(worker));
    }

    /// How many bytes a pull asks for.
    pub(crate) fn want_bytes(&self) -> usize {
        self.splits.want_bytes(self.budget.limit())
    }

    /// Whether nothing more is to be pulled.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// The source is at its end. For who holds its lock.
    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Relaxed);
    }

    /// The source was at its end: gives back what was granted for a pull.
    pub(crate) fn withdraw(&self, permit: Permit) {
        drop(permit);
        let mut state = self.lock();
        state.end_source();
        state.lanes[0].ledger.withdraw();
        self.wake(&state);
    }

    /// Takes a part of a place, and may run the gate. Waits while the budget is overdrawn, unless the gate has taken the part already.
    /// `Break`: the place is not wanted any more. `hands` are those behind the stretch.
    pub(crate) fn put(&self, place: Place, batch: BoxBatch, hands: &mut Hands<'_, 'p>) -> Flow {
        let part = self.charge(batch, None);
        let mut state = self.lock();
        if self.is_closed(place) {
            drop(state);
            return Flow::Break(());
        }
        state.lanes[place.stretch].ledger.put(place.seat, part);
        let state = self.drain(place.stretch, state, hands);
        self.make_room(Waiter::Row(place), state, hands)
    }

    /// Takes a batch that the gate of `place` has emitted, as tickets of the next stretch; then waits while the budget is overdrawn, unless
    /// there is nothing behind the gate. `Break`: not wanted any more.
    pub(crate) fn emit(&self, place: Place, batch: BoxBatch, hands: &mut Hands<'_, 'p>) -> Flow {
        let next = place.stretch + 1;
        let parts: Vec<Part> =
            self.splits.pieces(next, batch).map(|piece| self.charge(piece, None)).collect();
        let mut state = self.lock();
        let ledger = &mut state.lanes[next].ledger;
        if self.is_closed(Place { stretch: next, seat: Seat::Ticket(ledger.next_key()) }) {
            drop(state);
            return Flow::Break(());
        }
        let tickets = parts.len();
        parts.into_iter().for_each(|part| ledger.make_ready(part));
        self.bells.jobs.ring(tickets);
        self.bells.room.ring_for_all();
        self.make_room(Waiter::Gate(place), state, hands)
    }

    /// Takes the back half of what is left of a batch, for somebody who has nothing to do.
    pub(crate) fn offer(&self, piece: Ticket, own: &Deque) {
        let mut state = self.lock();
        if self.is_closed(piece.place()) {
            state.rubbish.push(piece.part);
            drop(self.sweep(state));
            return;
        }
        state.lanes[piece.stretch].ledger.cut(piece.span.key);
        self.pieces.offer(piece.stretch, piece, own);
        self.wake(&state);
    }

    /// Drops a batch that is not wanted any more.
    pub(crate) fn discard(&self, ticket: Ticket, hands: &mut Hands<'_, 'p>) {
        let (place, mut state) = (ticket.place(), self.lock());
        debug_assert!(self.is_closed(place), "only what comes after a failure or an end is not wanted");
        state.rubbish.push(ticket.part);
        state.lanes[place.stretch].ledger.complete(place.seat, &self.bars[place.stretch]);
        drop(self.drain(place.stretch, state, hands));
    }

    /// Counts what a batch keeps alive: it exists already. At least its place in the books, or items without bytes could fill these.
    /// `permit` is one that is not needed any more.
    pub(crate) fn charge(&self, batch: BoxBatch, permit: Option<Permit>) -> Part {
        let bytes = batch.bytes().max(size_of::<Part>());
        let permit = match permit {
            Some(mut permit) => {
                permit.resize(bytes);
                permit
            }
            None => self.budget.overdraw(bytes),
        };
        Part { batch, permit }
    }

    /// Says that a permit was given back, outside of the books.
    pub(crate) fn made_room(&self) {
        self.wake(&self.lock());
    }

    /// Whether what comes from this place is not wanted any more.
    pub(crate) fn is_closed(&self, place: Place) -> bool {
        self.bars[place.stretch].is_closed(place.seat)
    }

    pub(crate) fn lock(&self) -> Guard<'_, 'p> {
        #[cfg(all(test, not(loom)))]
        crate::bell::tests::LOCKS.fetch_add(1, Relaxed);
        // Nothing of the user's runs under the lock but the run's clock; if that panicked, the books would still be whole.
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until something has changed, at most for `limit`. Listening began under the lock.
    pub(crate) fn sleep(
        &self,
        listening: Listening<'_>,
        limit: Option<Duration>,
        asleep: Asleep,
    ) -> Guard<'_, 'p> {
        self.count(asleep, || self.bells.sleep(listening, &self.run, limit));
        let stopped = self.run.check();
        let mut state = self.lock();
        if let Err(error) = stopped {
            self.abandon_locked(&mut state, error);
        }
        state
    }

    /// After a change. One of those who look for a job is enough: if it finds one, it wakes the next. But near the end each has something
    /// of its own to do, and who has failed finds less than others.
    pub(crate) fn wake(&self, state: &State<'p>) {
        if state.failure.is_some() || state.lanes[0].ledger.has_ended() {
            return self.bells.ring_for_all();
        }
        self.bells.jobs.ring(1);
        self.bells.room.ring_for_all();
    }

    /// Notes that nothing more is to be pulled.
    pub(crate) fn end_source(&self, state: &mut State<'p>) {
        self.set_ended();
        state.unwanted = true;
        state.end_source();
    }
}

impl State<'_> {
    fn end_source(&mut self) {
        self.lanes[0].ledger.end();
    }
}
