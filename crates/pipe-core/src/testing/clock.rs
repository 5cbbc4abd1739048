//! Time that passes when a test says so.

use crate::cancel::Cancel;
use crate::clock::Clock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// A clock that stands still until it is advanced. A wait advances it and returns at once; so a run with an hour of retries takes no
/// time, and a deadline passes exactly where a test wants it to. Clones are the same clock.
///
/// ```
/// use pipe_core::testing::VirtualClock;
/// use pipe_core::{Inline, exponential, from_iter};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let broken = from_iter([1]).try_map(|_| Err::<u8, _>("down")).retry(exponential(3).first(Duration::from_secs(10)));
/// let failed = broken.collect().clocked_by(clock.clone()).run_on(&Inline);
/// assert!(failed.is_err());
/// assert_eq!(clock.waits().len(), 2); // between three attempts
/// assert!(clock.passed() >= Duration::from_secs(5 + 10)); // 10 and 20, of which jitter cuts off up to a half
/// ```
#[derive(Debug, Clone, Default)]
pub struct VirtualClock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug, Default)]
struct Hands {
    now: Duration,
    waits: Vec<Duration>,
    /// Who is to be woken, and when.
    alarms: Vec<(Duration, Waker)>,
}

impl VirtualClock {
    /// Starts at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let mut hands = self.hands();
        hands.now = hands.now.saturating_add(span);
        let now = hands.now;
        let due: Vec<_> = hands.alarms.extract_if(.., |(at, _)| *at <= now).collect();
        // A waker is foreign code.
        drop(hands);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// How much has passed.
    pub fn passed(&self) -> Duration {
        self.hands().now
    }

    /// Everything that was waited for, in order.
    pub fn waits(&self) -> Vec<Duration> {
        self.hands().waits.clone()
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.passed()
    }

    /// Returns at once, that much later; without a wait if `stop` is on already.
    fn wait(&self, span: Duration, stop: &Cancel) {
        if !stop.is_cancelled() {
            self.hands().waits.push(span);
            self.advance(span);
        }
    }

    fn wake_at(&self, at: Duration, waker: &Waker) -> bool {
        let (waker, mut hands) = (waker.clone(), self.hands());
        if hands.now < at {
            hands.alarms.push((at, waker));
            return true;
        }
        drop(hands);
        waker.wake();
        true
    }
}
