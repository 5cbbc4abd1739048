//! Where the time of the calling thread goes, while it is alone.

use crate::break_even::Trial;
use std::time::Instant;

/// Writes the time between two laps to the account of who worked meanwhile: one look at the clock for each change.
pub(crate) struct Meter {
    pub(crate) trial: Trial,
    since: Instant,
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
    pub(crate) fn new(stretches: usize) -> Self {
        Meter { trial: Trial::new(stretches), since: Instant::now() }
    }

    pub(crate) fn lap(&mut self, account: Account, now: Instant) {
        self.trial.add(account, now.saturating_duration_since(self.since));
        self.since = now;
    }

    /// The last lap.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }
}
