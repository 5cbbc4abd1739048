//! Time, so that tests can hold it still.

use crate::cancel::Cancel;
use std::task::Waker;
use std::time::{Duration, Instant};

/// Where a run gets its time from: deadlines, the age of batches, the waits between attempts. (Sizes of batches are measured by that of the
/// executor, which is the machine's own unless it runs in virtual time.)
pub trait Clock: Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;

    /// Waits for `span`, or until `stop` is switched on.
    fn wait(&self, span: Duration, stop: &Cancel);

    /// Wakes `waker` once it shows `at` or more, and says whether it will: a clock that goes with real time need not, who waits can do so by
    /// himself.
    fn wake_at(&self, at: Duration, waker: &Waker) -> bool {
        let _ = (at, waker);
        false
    }
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
