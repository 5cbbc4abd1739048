//! What a worker does next.

use crate::asleep::Asleep;
use crate::gates::{Gate, Gates, Guard, State};
use crate::hands::Hands;
use crate::hunger::Hunger;
use crate::ledger::Part;
use crate::seat::{Place, Seat, Span};
use pipe_core::Permit;
use std::time::Instant;

/// What a worker is to do.
pub(crate) enum Job {
    /// Pull a batch.
    Pull(Permit),
    /// Work on a batch.
    Ticket(Ticket),
    /// Finish its states in a stretch.
    Finish(Place),
    /// Drain the gate of this stretch.
    Drain(usize),
    /// Go home.
    Leave,
}

/// A batch that was claimed, or a piece of one.
pub(crate) struct Ticket {
    pub(crate) stretch: usize,
    pub(crate) span: Span,
    pub(crate) part: Part,
}

impl Ticket {
    pub(crate) fn place(&self) -> Place {
        Place { stretch: self.stretch, seat: Seat::Ticket(self.span.key) }
    }
}

impl<'p> Gates<'p> {
    /// What this worker is to do; waits until there is something.
    pub(crate) fn next_job(&self, hands: &Hands<'_, 'p>) -> Job {
        let stopped = self.run.check();
        // Without the lock: nobody else would begin with the lowest piece of a batch that this worker has cut.
        if stopped.is_ok()
            && let Some(piece) = self.take_back(hands)
        {
            return Job::Ticket(piece);
        }
        let mut state = self.lock();
        if let Err(error) = stopped {
            self.abandon_locked(&mut state, error);
        }
        let mut idle_since = None;
        loop {
            let slept = idle_since.is_some();
            if let Some(job) = self.job(&mut state, hands) {
                if slept {
                    self.bells.jobs.ring(1);
                }
                if matches!(job, Job::Leave) {
                    state.seated -= 1;
                    // After an abandoned run only.
                    state
                        .rubbish
                        .extend(std::iter::from_fn(|| self.take_back(hands)).map(|piece| piece.part));
                    self.wake(&state);
                    drop(self.sweep(state));
                }
                return job;
            }
            if self.rests(hands.worker) {
                if slept {
                    // The job that it was woken for is for somebody else.
                    self.bells.jobs.ring(1);
                }
                state = self.rest(state, hands.worker);
                continue;
            }
            let (since, hunger) = idle_since.get_or_insert_with(|| (Instant::now(), Hunger::new()));
            state = self.idle(state, *since, hunger);
        }
    }

    /// The lowest of the worker's own pieces, of the stretch furthest downstream.
    fn take_back(&self, hands: &Hands<'_, 'p>) -> Option<Ticket> {
        hands.rows().rev().find_map(|(stretch, row)| self.pieces.take_back(stretch, row.pieces()))
    }

    /// Goes without a job until something has changed. If it has done so for long, it asks for a part of what others are in.
    fn idle<'g>(&'g self, mut state: Guard<'g, 'p>, since: Instant, hunger: &mut Hunger) -> Guard<'g, 'p> {
        state.idle += 1;
        self.pieces.set_hungry(state.idle - state.resting);
        if state.failure.is_some() && state.idle == state.seated {
            state.over = true;
            self.wake(&state);
        } else {
            let listening = self.bells.jobs.listen();
            let asks = state.seated - state.idle < self.processors;
            let asleep = Asleep::NoJob { full: state.full(self.window()) };
            drop(state);
            let patience = (asks && self.pieces.are_to_be_had()).then(|| {
                let waited = since.elapsed();
                if hunger.asks(waited) {
                    self.run.pause();
                }
                hunger.patience(waited)
            });
            state = self.sleep(listening, patience, asleep);
        }
        state.idle -= 1;
        self.pieces.set_hungry(state.idle - state.resting);
        state
    }

    /// Whether this is a stand-in, for nobody at present.
    fn rests(&self, worker: usize) -> bool {
        worker.checked_sub(self.workers).is_some_and(|index| !self.waits.needs(index))
    }

    /// Goes without a job until somebody waits, or the run comes to its end.
    fn rest<'g>(&'g self, mut state: Guard<'g, 'p>, worker: usize) -> Guard<'g, 'p> {
        state.idle += 1;
        state.resting += 1;
        if state.failure.is_some() && state.idle == state.seated {
            state.over = true;
            self.wake(&state);
        } else {
            let listening = self.bells.stand_ins.listen();
            drop(state);
            // A worker that begins to wait holds no lock: so this looks once more, having listened.
            state = if self.rests(worker) { self.sleep(listening, None, Asleep::Rests) } else { self.lock() };
        }
        state.idle -= 1;
        state.resting -= 1;
        state
    }

    /// The batch furthest downstream that nobody works on, of the stretches that these hands have. Pieces come before batches of the same
    /// stretch: they are of lower tickets.
    pub(crate) fn claim(&self, state: &mut State<'p>, hands: &Hands<'_, 'p>) -> Option<Ticket> {
        for (stretch, row) in hands.rows().rev() {
            let ledger = &mut state.lanes[stretch].ledger;
            let piece = self.pieces.take_back(stretch, row.pieces());
            let piece = piece.or_else(|| row.is_sound().then(|| self.pieces.steal(stretch)).flatten());
            let batch = || ledger.claim().map(|(span, part)| Ticket { stretch, span, part });
            if let Some(ticket) = piece.or_else(batch) {
                ledger.join(hands.worker);
                return Some(ticket);
            }
        }
        None
    }

    fn job(&self, state: &mut State<'p>, hands: &Hands<'_, 'p>) -> Option<Job> {
        let worker = hands.worker;
        if state.over || state.abandoned.is_some() {
            return Some(Job::Leave);
        }
        let rests = self.rests(worker);
        if !rests && let Some(ticket) = self.claim(state, hands) {
            return Some(Job::Ticket(ticket));
        }
        if state.failure.is_some() {
            return None;
        }
        if let Some(job) = state.finishing(worker) {
            return Some(job);
        }
        let last = state.lanes.last().expect("there is one");
        if last.ledger.is_delivered() {
            return Some(Job::Leave);
        }
        if rests
            || state.lanes[0].ledger.has_ended()
            || state.lanes.iter().any(|lane| lane.ledger.in_flight() >= self.window())
        {
            return None;
        }
        let permit = self.budget.try_take(self.want_bytes())?;
        state.lanes[0].ledger.admit();
        state.lanes[0].ledger.join(worker);
        Some(Job::Pull(permit))
    }
}

impl State<'_> {
    /// What is to be done at the end of a stretch.
    fn finishing(&mut self, worker: usize) -> Option<Job> {
        for (stretch, lane) in self.lanes.iter_mut().enumerate() {
            if let Some(rank) = lane.ledger.begin_finish(worker) {
                return Some(Job::Finish(Place { stretch, seat: Seat::Finish(rank) }));
            }
            // Whoever completes the last seat drains it; but not while the run seemed to have failed.
            if lane.ledger.is_to_be_finished() && !matches!(lane.gate, Gate::Out) {
                return Some(Job::Drain(stretch));
            }
        }
        None
    }
}
