//! Time, so that tests can hold it still.

use crate::cancel::Cancel;
use std::task::Waker;
use std::time::{Duration, Instant};

/// Where a run gets its time from: for deadlines, the age of batches, the waits between attempts.
///
/// Batches are sized by the clock of the executor instead, which is the machine's own unless it runs in virtual time.
pub trait Clock: Send + Sync {
    /// The time since a fixed moment. It never goes back.
    fn now(&self) -> Duration;

    /// Waits for `span`, or until `stop` is switched on.
    fn wait(&self, span: Duration, stop: &Cancel);

    /// Arranges that `waker` is woken once the clock shows `at` or more, and returns true. A clock that goes with real time may return false and
    /// do nothing: then the caller has to wait by other means, such as a timer of its runtime.
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
