//! Time, so that tests can hold it still.

use crate::cancel::Cancel;
use std::time::{Duration, Instant};

/// Where a run gets its time from: deadlines, and the waits between attempts. (Sizes of batches are measured by the machine's own.)
pub trait Clock: Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;

    /// Waits for `span`, or until `stop` is switched on.
    fn wait(&self, span: Duration, stop: &Cancel);
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts at zero.
    pub fn new() -> Self {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, span: Duration, stop: &Cancel) {
        stop.wait(span);
    }
}
