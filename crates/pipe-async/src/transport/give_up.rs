//! When a wait is given up before its patience ends, because somebody said stop.

use pipe_core::Cancel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A wait looks so often whether it is to go on.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// When to stop waiting: a given time after a switch was turned on, counted from when the first waiter notices. Clones count from the same moment.
///
/// Looked at twenty times a second by who waits anyway, so that nothing has to be told to the switch for each message.
#[derive(Debug, Clone)]
pub struct GiveUp {
    stop: Cancel,
    after: Duration,
    noticed: Arc<OnceLock<Instant>>,
}

impl GiveUp {
    /// Gives up `after` this time, counted from when a waiter notices that `stop` is on.
    pub fn after(stop: &Cancel, after: Duration) -> Self {
        GiveUp { stop: stop.clone(), after, noticed: Arc::default() }
    }

    /// Whether it is time.
    pub fn is_due(&self) -> bool {
        self.stop.is_cancelled() && self.noticed.get_or_init(Instant::now).elapsed() >= self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_only_once_it_is_stopped_and_the_time_is_over() {
        let stop = Cancel::new();
        let (now, later) = (GiveUp::after(&stop, Duration::ZERO), GiveUp::after(&stop, Duration::MAX));
        assert!(!now.is_due() && !later.is_due());
        stop.cancel();
        assert!(now.is_due() && !later.is_due());
    }
}
