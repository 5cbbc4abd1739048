//! Waits on one thread for whichever of several sources has something.
//!
//! A bell is a [`Waker`] for a thread. It remembers that it was rung until the waiter has heard it, so a ring between the question "is
//! there something?" and the wait is not lost: the wait then ends at once. Rings may be stale, which costs one more question.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// One thread's place to wait. The waker is made once: cloning it is a count, and sources know it again.
pub(super) struct Waiter {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Waiter {
    pub(super) fn new() -> Self {
        let bell = Arc::new(Bell { rung: Mutex::new(false), heard: Condvar::new() });
        Waiter { waker: bell.clone().into(), bell }
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// How long it waited, where that is `limit`. It asks once more behind the limit, so what comes in time is always had.
    pub(super) fn until<T>(
        &self,
        limit: Duration,
        mut ask: impl FnMut(&Waker) -> Poll<T>,
    ) -> Result<T, Duration> {
        let mut started = None;
        loop {
            if let Poll::Ready(answer) = ask(&self.waker) {
                return Ok(answer);
            }
            let waited = started.get_or_insert_with(Instant::now).elapsed();
            if waited >= limit {
                return Err(waited);
            }
            self.bell.wait(limit - waited);
        }
    }
}

struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn wait(&self, limit: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, limit, |rung| !*rung);
        let (mut rung, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_wait_is_heard() {
        let waiter = Waiter::new();
        let mut asked = 0;
        let answer = waiter.until(Duration::from_secs(3_600), |waker| {
            asked += 1;
            waker.wake_by_ref();
            if asked == 3 { Poll::Ready(asked) } else { Poll::Pending }
        });
        assert_eq!(answer, Ok(3));
    }

    #[test]
    fn a_wait_ends_at_its_limit_also_if_the_bell_keeps_ringing() {
        let limit = Duration::from_millis(5);
        for rings in [false, true] {
            let waited = Waiter::new().until::<()>(limit, |waker| {
                if rings {
                    waker.wake_by_ref();
                }
                Poll::Pending
            });
            assert!(waited.unwrap_err() >= limit);
        }
    }
}
