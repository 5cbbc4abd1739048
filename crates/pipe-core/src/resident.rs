//! What the state of a worker weighs, asked now and then.

use crate::budget::Permit;
use crate::error::RunError;
use crate::run::RunState;

/// The charge for a state that grows: an accumulator.
pub(crate) struct Resident {
    /// `None` until there is something to charge.
    permit: Option<Permit>,
    segment: usize,
    /// Since it was weighed last.
    slices: usize,
    /// After so many it is weighed again.
    due: usize,
}

impl Resident {
    pub(crate) fn new(segment: usize) -> Self {
        Resident { permit: None, segment, slices: 0, due: 1 }
    }

    /// After a slice: weighs the state if it is time.
    pub(crate) fn weigh(&mut self, run: &RunState, bytes: impl FnOnce() -> usize) -> Result<(), RunError> {
        self.slices += 1;
        if self.slices < self.due { Ok(()) } else { self.note(run, bytes()) }
    }

    /// Notes what was weighed. The next time is when weighing has become cheap again beside the slices in between, because every element
    /// may have to be asked; but before the limit is reached, if it goes on growing so.
    fn note(&mut self, run: &RunState, bytes: usize) -> Result<(), RunError> {
        let charged = self.permit.as_ref().map_or(0, Permit::bytes);
        let grown = bytes.saturating_sub(charged) / self.slices.max(1);
        self.charge(run, bytes);
        let budget = run.budget();
        let room = budget.limit().saturating_sub(budget.resident_bytes());
        let until_full = room.checked_div(grown).unwrap_or(usize::MAX);
        (self.slices, self.due) = (0, 1 + (bytes >> 16).min(until_full / 2));
        budget.check_resident(|| run.segment_name(self.segment), 0)
    }

    fn charge(&mut self, run: &RunState, bytes: usize) {
        if bytes > 0 && self.permit.is_none() {
            self.permit = Some(run.budget().child(run.segment_name(self.segment), usize::MAX).resident());
        }
        if let Some(permit) = &mut self.permit {
            permit.resize(bytes);
        }
    }

    /// At the end, when the state goes: it has grown since it was weighed last, and there may have been but a few slices.
    pub(crate) fn release(&mut self, run: &RunState, bytes: usize) -> Result<(), RunError> {
        let weighed = self.note(run, bytes);
        self.permit = None;
        weighed
    }
}
