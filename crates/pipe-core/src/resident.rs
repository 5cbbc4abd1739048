//! What the state of a worker weighs, asked now and then.

use crate::budget::{Budget, Permit};
use crate::error::{Payload, RunError};
use crate::event::Event;
use crate::run::RunState;
use crate::stage::Stage;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The charge for a state that grows: an accumulator.
pub(crate) struct Resident {
    /// `None` until there is something to charge.
    charge: Option<Charge>,
    segment: usize,
    /// Since it was weighed last.
    slices: usize,
    /// Since it was empty.
    age: usize,
    /// After this many it is weighed again.
    due: usize,
    /// How often the state was put on disk, and how much of it.
    spilled: (u64, u64),
}

struct Charge {
    budget: Budget,
    permit: Permit,
}

/// It is not put on disk, though somebody asks, while it holds less than this part of its share: that would be many small pieces.
const WORTH: usize = 8;

/// Some 30 us of rows into groups, and 100 KB of new groups.
const STRIDE: usize = 1_024;

impl Resident {
    pub(crate) fn new(segment: usize) -> Self {
        Resident { charge: None, segment, slices: 0, age: 0, due: 1, spilled: (0, 0) }
    }

    /// How many items a slice may have: a state that spills must not outgrow the limit within one.
    pub(crate) fn most_items<C: Stage>(chain: &C) -> usize {
        if chain.spills() { STRIDE } else { usize::MAX }
    }

    /// After a slice: weighs the state if it is time.
    pub(crate) fn weigh<C: Stage>(
        &mut self,
        run: &RunState,
        chain: &C,
        state: &mut C::State,
    ) -> Result<(), RunError> {
        (self.slices, self.age) = (self.slices + 1, self.age + 1);
        if self.slices < self.due && !self.is_asked() { Ok(()) } else { self.note(run, chain, state) }
    }

    fn is_asked(&self) -> bool {
        self.charge.as_ref().is_some_and(|charge| charge.budget.is_asked_to_spill())
    }

    /// Notes what was weighed, and puts it on disk if it is too much. The next time is when weighing has become cheap again beside the
    /// slices in between, because every element may have to be asked; but before the limit is reached, if it goes on growing so. The
    /// mean counts as well as the last time, because tables grow in leaps.
    fn note<C: Stage>(&mut self, run: &RunState, chain: &C, state: &mut C::State) -> Result<(), RunError> {
        let mut bytes = self.state_bytes(run, chain, state)?;
        let charged = self.charge.as_ref().map_or(0, |charge| charge.permit.bytes());
        let lately = bytes.saturating_sub(charged) / self.slices.max(1);
        let grown = lately.max(bytes / self.age.max(1));
        self.resize(run, bytes, chain.spills());
        let mut room = run.budget().limit().saturating_sub(run.budget().resident_bytes());
        let mut own = 0;
        if chain.spills()
            && let Some(charge) = &self.charge
        {
            let (share, asked) = (charge.budget.spill_share(), charge.budget.is_asked_to_spill());
            if bytes > share || asked && bytes > share / WORTH {
                self.spill(run, chain, state)?;
                bytes = self.state_bytes(run, chain, state)?;
                self.resize(run, bytes, true);
            } else if asked {
                // Else it would be weighed after each slice from now on. It is asked again when others are refused again.
                charge.budget.has_spilled();
            }
            (room, own) = (share.saturating_sub(bytes), bytes);
        }
        let until_full = room.checked_div(grown).unwrap_or(usize::MAX);
        (self.slices, self.due) = (0, 1 + (bytes >> 16).min(until_full / 2));
        // A holder of nothing that stays cannot help, and is not to blame.
        if self.charge.is_none() {
            return Ok(());
        }
        run.budget().check_resident(|| run.segment_name(self.segment), own)
    }

    /// What the state weighs by the user's own code, which may panic.
    fn state_bytes<C: Stage>(&self, run: &RunState, chain: &C, state: &C::State) -> Result<usize, RunError> {
        catch_unwind(AssertUnwindSafe(|| chain.state_bytes(state))).map_err(|thrown| RunError::Panicked {
            stage: run.segment_name(self.segment),
            at: None,
            payload: Payload::new(thrown),
        })
    }

    #[cold]
    fn spill<C: Stage>(&mut self, run: &RunState, chain: &C, state: &mut C::State) -> Result<(), RunError> {
        let stage = || run.segment_name(self.segment);
        let spilled = catch_unwind(AssertUnwindSafe(|| chain.spill(state))).map_err(|thrown| {
            RunError::Panicked { stage: stage(), at: None, payload: Payload::new(thrown) }
        })?;
        let written = spilled.map_err(|source| RunError::Stage { stage: stage(), at: None, source })?;
        self.spilled = (self.spilled.0 + 1, self.spilled.1 + written);
        self.age = 0;
        if let Some(charge) = &self.charge {
            charge.budget.has_spilled();
        }
        Ok(())
    }

    fn resize(&mut self, run: &RunState, bytes: usize, spills: bool) {
        if bytes > 0 && self.charge.is_none() {
            let name = run.segment_name(self.segment);
            let budget =
                if spills { run.budget().spiller(name) } else { run.budget().child(name, usize::MAX) };
            self.charge = Some(Charge { permit: budget.resident(), budget });
        }
        if let Some(charge) = &mut self.charge {
            charge.permit.resize(bytes);
        }
    }

    /// At the end, when the state goes: it has grown since it was weighed last, and there may have been but a few slices.
    pub(crate) fn release<C: Stage>(
        &mut self,
        run: &RunState,
        chain: &C,
        state: &mut C::State,
    ) -> Result<(), RunError> {
        let weighed = self.note(run, chain, state);
        self.charge = None;
        let (times, bytes) = std::mem::take(&mut self.spilled);
        if times > 0 {
            run.note(Event::Spilled { stage: run.segment_name(self.segment), times, bytes });
        }
        weighed
    }
}
