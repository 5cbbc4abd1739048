//! Outputs of an attempt, kept back until it is known whether it counts.
//!
//! They count against the memory limit like outputs that were handed on. A worker that finds the limit overdrawn waits for its *turn*: of all
//! workers of a run one at a time may go on in spite of it. So what they keep back together is the limit, a buffer of each that waits, and
//! what one record becomes, which may be as much as the limit again.
//!
//! A wait for the turn ends. Who has it runs an attempt at one record and nothing else: what it emits comes here and goes nowhere, so it
//! waits for no room and no other worker. It gives the turn back when the attempt is over, before a wait for the next one and before
//! anything is handed on. Who waits looks at the limit again when any attempt has given back what it held.

use crate::budget::Permit;
use crate::plan::{BoxBatch, Outlet};
use crate::run::RunState;
use crate::stage::Flow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where the outputs of an attempt wait.
pub(crate) struct Staged {
    pub(crate) batches: Vec<BoxBatch>,
    /// All that was put here, also what did not fit any more.
    bytes: usize,
    /// `None` until a buffer was full: most records need none.
    charge: Option<Permit>,
    has_turn: bool,
    run: Arc<RunState>,
}

impl Staged {
    pub(crate) fn new(run: &Arc<RunState>) -> Self {
        Staged { batches: Vec::new(), bytes: 0, charge: None, has_turn: false, run: run.clone() }
    }

    /// The bytes that the attempt emitted, if these are more than there can be.
    pub(crate) fn excess(&self) -> Option<usize> {
        (self.bytes > self.run.budget().limit()).then_some(self.bytes)
    }

    /// What it is charged at present.
    pub(crate) fn charged(&self) -> usize {
        self.charge.as_ref().map_or(0, Permit::bytes)
    }

    /// The next batch, which from now on is charged by who gets it.
    pub(crate) fn hand_on(&mut self) -> impl Iterator<Item = BoxBatch> {
        self.end_turn();
        let batches = std::mem::take(&mut self.batches);
        batches.into_iter().inspect(|batch| {
            if let Some(charge) = &mut self.charge {
                charge.resize(charge.bytes().saturating_sub(batch.bytes()));
            }
        })
    }

    /// It keeps nothing back any more, or less.
    fn end_turn(&mut self) {
        self.run.turns().leave(std::mem::take(&mut self.has_turn));
    }
}

impl Outlet for Staged {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.bytes += batch.bytes();
        let budget = self.run.budget();
        if self.bytes > budget.limit() {
            return Flow::Break(());
        }
        self.charge.get_or_insert_with(|| budget.overdraw(0)).resize(self.bytes);
        self.batches.push(batch);
        if !self.has_turn && budget.is_overdrawn() {
            self.has_turn = self.run.turns().wait(|| budget.is_overdrawn());
        }
        Flow::Continue(())
    }

    fn counts(&self) -> bool {
        false
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.charge.take().is_some() {
            self.end_turn();
        }
    }
}

/// Whose turn it is among the workers of a run.
#[derive(Default)]
pub(crate) struct Turns {
    taken: Mutex<bool>,
    changed: Condvar,
}

impl Turns {
    /// Waits for the turn, as long as it is needed. True if it was taken.
    fn wait(&self, is_needed: impl Fn() -> bool) -> bool {
        let mut taken = self.lock();
        while is_needed() {
            if !*taken {
                *taken = true;
                return true;
            }
            taken = self.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        false
    }

    /// Bytes were given back, and the turn with them if it was had. All are woken: there may be room for each of them.
    fn leave(&self, had_turn: bool) {
        let mut taken = self.lock();
        *taken &= !had_turn;
        drop(taken);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
