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
}

impl Resident {
    pub(crate) fn new(run: &RunState, segment: usize) -> Self {
        Resident { permit: run.budget().resident(), segment, slices: 0 }
    }

    /// After a slice: weighs the state, as seldom as weighing costs more than a slice, because every element of it may have to be asked.
    pub(crate) fn weigh(&mut self, run: &RunState, bytes: impl FnOnce() -> usize) -> Result<(), RunError> {
        self.slices += 1;
        if self.slices <= self.permit.bytes() >> 16 {
            return Ok(());
        }
        self.slices = 0;
        let bytes = bytes();
        if bytes == self.permit.bytes() {
            return Ok(());
        }
        self.permit.resize(bytes);
        run.check_resident(self.segment)
    }

    /// The state is gone.
    pub(crate) fn release(&mut self) {
        self.permit.resize(0);
    }
}
