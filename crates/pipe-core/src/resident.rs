//! What the state of a worker weighs, asked now and then.

use crate::budget::Permit;
use crate::error::RunError;
use crate::run::RunState;

/// The charge for a state that grows: an accumulator.
pub(crate) struct Resident {
    permit: Permit,
    segment: usize,
    /// Since it was weighed last.
    slices: usize,
    /// After so many it is weighed again.
    due: usize,
}

impl Resident {
    pub(crate) fn new(run: &RunState, segment: usize) -> Self {
        Resident { permit: run.budget().resident(), segment, slices: 0, due: 1 }
    }

    /// After a slice: weighs the state if it is time.
    pub(crate) fn weigh(&mut self, run: &RunState, bytes: impl FnOnce() -> usize) -> Result<(), RunError> {
        self.slices += 1;
        if self.slices < self.due { Ok(()) } else { self.note(run, bytes()) }
    }

    /// Notes what was weighed. The next time is when weighing has become cheap again beside the slices in between, because every element
    /// may have to be asked; but before the limit is reached, if it goes on growing so.
    fn note(&mut self, run: &RunState, bytes: usize) -> Result<(), RunError> {
        let grown = bytes.saturating_sub(self.permit.bytes()) / self.slices.max(1);
        self.permit.resize(bytes);
        let budget = run.budget();
        let room = budget.limit().saturating_sub(budget.resident_bytes());
        let until_full = room.checked_div(grown).unwrap_or(usize::MAX);
        (self.slices, self.due) = (0, 1 + (bytes >> 16).min(until_full / 2));
        run.check_resident(self.segment)
    }

    /// At the end, when the state goes: it has grown since it was weighed last, and there may have been but a few slices.
    pub(crate) fn release(&mut self, run: &RunState, bytes: usize) -> Result<(), RunError> {
        let weighed = self.note(run, bytes);
        self.permit.resize(0);
        weighed
    }
}
