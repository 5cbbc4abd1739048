//! Where workers sleep, and who wakes them: an event count.
//!
//! A worker that finds nothing to do *listens*, looks once more, and *sleeps*; one that has changed something *rings*. A ring that comes after the listening
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
    state: Mutex<State>,
    rung: Condvar,
    listeners: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    asleep: usize,
    /// Of these, those that were woken and do not run yet: that may take milliseconds, and another wake would be a system call for nothing.
    called: usize,
}

/// Has listened. To be slept on, or forgotten.
#[must_use]
pub(crate) struct Listening<'b> {
    bell: &'b Bell,
    epoch: u64,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Bell { state: Mutex::new(State::default()), rung: Condvar::new(), listeners: AtomicUsize::new(0) }
    }

    /// To be followed by another look.
    pub(crate) fn listen(&self) -> Listening<'_> {
        self.listeners.fetch_add(1, SeqCst);
        fence(SeqCst);
        Listening { bell: self, epoch: self.lock().epoch }
    }

    /// Wakes up to this many. Under the lock of the books, or after it.
    pub(crate) fn ring(&self, times: usize) {
        if times > 0 && self.listeners.load(SeqCst) > 0 {
            self.call(times);
        }
    }

    /// Wakes all. The change may also be one that was made without the lock of the books, by the run's switch.
    pub(crate) fn ring_for_all(&self) {
        fence(SeqCst);
        if self.listeners.load(SeqCst) > 0 {
            self.call(usize::MAX);
        }
    }

    fn call(&self, times: usize) {
        let mut state = self.lock();
        state.epoch += 1;
        let times = times.min(state.asleep - state.called);
        state.called += times;
        // Under the lock: everybody who sleeps now has listened to an older epoch, so whoever is woken goes.
        (0..times).for_each(|_| self.rung.notify_one());
        #[cfg(all(test, not(loom)))]
        tests::RINGS.fetch_add(times, SeqCst);
        drop(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listening<'_> {
    /// Until somebody rings, or has rung since; at most for `limit`, if there is one.
    pub(crate) fn sleep(self, limit: Option<Duration>) {
        let (mut state, rung) = (self.bell.lock(), &self.bell.rung);
        if state.epoch != self.epoch {
            return;
        }
        state.asleep += 1;
        state = match limit {
            Some(limit) => rung.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0,
            None => {
                while state.epoch == self.epoch {
                    state = rung.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state
            }
        };
        state.asleep -= 1;
        state.called = state.called.saturating_sub(1);
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
    use crate::Parallel;
    use pipe_core::from_source;
    use pipe_core::testing::{Pull, ScriptedSource};
    use std::hint::black_box;
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    /// Wakes, of all bells: each a system call.
    pub(crate) static RINGS: AtomicUsize = AtomicUsize::new(0);

    /// How often the books were locked.
    pub(crate) static LOCKS: AtomicUsize = AtomicUsize::new(0);

    /// For tests that ring or count.
    static ALONE: Mutex<()> = Mutex::new(());

    #[test]
    fn a_run_with_work_for_all_locks_the_books_three_times_a_batch_and_wakes_hardly_anybody() {
        const BATCHES: usize = 2_000;
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let before = (RINGS.load(SeqCst), LOCKS.load(Relaxed));
        let work = |n: u64| {
            black_box((0..2_000).fold(n, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9)))
        };
        from_source(ScriptedSource::new((0..BATCHES).map(|_| Pull::Give(vec![0u64; 4]))))
            .map(work)
            .for_each(drop)
            .run_on(&Parallel::new().workers(2).spread_at_once())
            .expect("nothing fails");
        let (wakes, locks) = (RINGS.load(SeqCst) - before.0, LOCKS.load(Relaxed) - before.1);
        assert!(wakes * 10 <= BATCHES, "{wakes} wakes for {BATCHES} batches");
        // To find it, to complete it, and behind the gate; a tenth more for who sleeps.
        assert!(locks * 10 <= BATCHES * 33, "{locks} locks for {BATCHES} batches");
    }

    #[test]
    fn a_ring_between_listening_and_sleeping_is_not_missed() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = Bell::new();
        bell.ring(1);
        let listening = bell.listen();
        bell.ring(1);
        listening.sleep(None);
        assert_eq!(bell.listeners.load(SeqCst), 0);
    }

    #[test]
    fn every_turn_is_taken_when_each_rings_for_the_next() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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
