//! Where the time of the calling thread goes, while it is alone.

use crate::break_even::Trial;
use pipe_core::plan::RunState;
use std::sync::Arc;
use std::time::Duration;

/// Writes the time between two laps to the account of who worked meanwhile: one look at the run's clock for each change.
pub(crate) struct Meter {
    pub(crate) trial: Trial,
    since: Duration,
    run: Arc<RunState>,
}

/// Who worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// One worker at a time.
    Source,
    /// All workers.
    Rows,
    /// That of a stretch: one worker at a time.
    Gate(usize),
}

impl Meter {
    pub(crate) fn new(stretches: usize, run: &Arc<RunState>) -> Self {
        Meter { trial: Trial::new(stretches), since: run.clock().now(), run: run.clone() }
    }

    pub(crate) fn lap(&mut self, account: Account) {
        let now = self.run.clock().now();
        self.trial.add(account, now.saturating_sub(self.since));
        self.since = now;
    }
}
