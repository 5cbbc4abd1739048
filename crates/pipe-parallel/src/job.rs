//! What a worker does next.

use crate::gates::{Gate, Gates, State};
use crate::ledger::Part;
use crate::seat::{Place, Seat};
use pipe_core::Permit;

/// What a worker is to do.
pub(crate) enum Job {
    /// Pull a batch. It may have slept before.
    Pull { permit: Permit, rest: Rest },
    /// Work on a batch.
    Ticket(Ticket),
    /// Finish its states in a stretch.
    Finish(Place),
    /// Drain the gate of this stretch.
    Drain(usize),
    /// Go home.
    Leave,
}

/// Whether a worker had to wait for its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    None,
    Slept,
}

/// A batch that was claimed.
pub(crate) struct Ticket {
    pub(crate) place: Place,
    pub(crate) part: Part,
}

impl<'p> Gates<'p> {
    /// What this worker is to do; waits until there is something.
    pub(crate) fn next_job(&self, worker: usize) -> Job {
        let stopped = self.run.check();
        let mut state = self.lock();
        if let Err(error) = stopped {
            self.abandon_locked(&mut state, error);
        }
        let mut rest = Rest::None;
        loop {
            if let Some(job) = self.job(&mut state, worker, rest) {
                if matches!(job, Job::Leave) {
                    state.seated -= 1;
                    self.wake(&state);
                }
                return job;
            }
            rest = Rest::Slept;
            state.idle += 1;
            if state.failure.is_some() && state.idle == state.seated {
                state.over = true;
                self.wake(&state);
            } else {
                state = self.sleep(state);
            }
            state.idle -= 1;
        }
    }

    fn job(&self, state: &mut State<'p>, worker: usize, rest: Rest) -> Option<Job> {
        if state.over || state.abandoned.is_some() {
            return Some(Job::Leave);
        }
        if let Some(ticket) = state.claim(1, worker) {
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
        if state.lanes[0].ledger.has_ended()
            || state.lanes.iter().any(|lane| lane.ledger.in_flight() >= self.window)
        {
            return None;
        }
        let permit = self.budget.try_take(self.want_bytes())?;
        state.lanes[0].ledger.admit();
        state.lanes[0].ledger.join(worker);
        Some(Job::Pull { permit, rest })
    }
}

impl State<'_> {
    /// The batch furthest downstream that nobody works on, of stretch `from` or behind it.
    pub(crate) fn claim(&mut self, from: usize, worker: usize) -> Option<Ticket> {
        for (stretch, lane) in self.lanes.iter_mut().enumerate().skip(from).rev() {
            if let Some((ticket, part)) = lane.ledger.claim() {
                lane.ledger.join(worker);
                return Some(Ticket { place: Place { stretch, seat: Seat::Ticket(ticket) }, part });
            }
        }
        None
    }

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
