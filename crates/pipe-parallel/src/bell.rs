//! Where workers sleep, and who wakes them: an event count.
//!
//! Who finds nothing to do *listens*, looks once more, and *sleeps*; who has changed something *rings*. A ring that comes after the listening
//! is not missed: the sleep ends at once. So the look in between, and the change, need no lock in common, and a ring where nobody listens
//! is one load.
//!
//! # Why no ring is missed
//!
//! A listener counts itself, then looks; a ringer changes something, then looks at the count. All four are sequentially consistent, or
//! ordered by the lock of the books. So either the listener sees the change, or the ringer sees the listener; and then the listener finds
//! another epoch than the one that it has listened to.

use crate::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Bell {
    epoch: Mutex<u64>,
    rung: Condvar,
    listeners: AtomicUsize,
}

/// Has listened. To be slept on, or forgotten.
#[must_use]
pub(crate) struct Listening<'b> {
    bell: &'b Bell,
    epoch: u64,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Bell { epoch: Mutex::new(0), rung: Condvar::new(), listeners: AtomicUsize::new(0) }
    }

    /// To be followed by another look.
    pub(crate) fn listen(&self) -> Listening<'_> {
        self.listeners.fetch_add(1, SeqCst);
        fence(SeqCst);
        Listening { bell: self, epoch: *self.lock() }
    }

    /// Wakes up to so many. Under the lock of the books, or after it.
    pub(crate) fn ring(&self, times: usize) {
        let times = times.min(self.listeners.load(SeqCst));
        if times > 0 {
            *self.lock() += 1;
            (0..times).for_each(|_| self.rung.notify_one());
            #[cfg(all(test, not(loom)))]
            tests::RINGS.fetch_add(times, SeqCst);
        }
    }

    /// Wakes all. The change may also be one that was made without the lock of the books, by the run's switch.
    pub(crate) fn ring_for_all(&self) {
        fence(SeqCst);
        if self.listeners.load(SeqCst) > 0 {
            *self.lock() += 1;
            self.rung.notify_all();
            #[cfg(all(test, not(loom)))]
            tests::RINGS.fetch_add(1, SeqCst);
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening<'_> {
    /// Until somebody rings, or has rung since; at most for `limit`, if there is one.
    pub(crate) fn sleep(self, limit: Option<Duration>) {
        let mut epoch = self.bell.lock();
        while *epoch == self.epoch {
            let rung = &self.bell.rung;
            epoch = match limit {
                None => rung.wait(epoch).unwrap_or_else(PoisonError::into_inner),
                Some(limit) => {
                    drop(rung.wait_timeout(epoch, limit).unwrap_or_else(PoisonError::into_inner));
                    return;
                }
            };
        }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.bell.listeners.fetch_sub(1, SeqCst);
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    /// Rings that somebody was woken by, of all bells.
    pub(crate) static RINGS: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn a_ring_between_listening_and_sleeping_is_not_missed() {
        let bell = Bell::new();
        bell.ring(1);
        let listening = bell.listen();
        bell.ring(1);
        listening.sleep(None);
        assert_eq!(bell.listeners.load(SeqCst), 0);
    }

    #[test]
    fn every_turn_is_taken_when_each_rings_for_the_next() {
        let (bell, turn) = (Bell::new(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for mine in 0..4 {
                let (bell, turn) = (&bell, &turn);
                scope.spawn(move || {
                    for at in (mine..400).step_by(4) {
                        loop {
                            let listening = bell.listen();
                            if turn.load(SeqCst) == at {
                                break;
                            }
                            listening.sleep(None);
                        }
                        turn.store(at + 1, SeqCst);
                        bell.ring_for_all();
                    }
                });
            }
        });
        assert_eq!((turn.load(SeqCst), bell.listeners.load(Relaxed)), (400, 0));
    }
}
