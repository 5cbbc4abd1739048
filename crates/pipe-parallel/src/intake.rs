//! The source of a run: one worker at a time is inside, and the others wait for it.
//!
//! A batch of cheap items is read in some 20 us. A worker that sleeps for that is woken by a system call, and runs again some 10 us later, or far later on a
//! busy machine. So who finds somebody inside stays awake for as long as a quick source takes: one at a time, only while each worker has a
//! processor, and only while the source is not the limit of the run. Where it is, somebody waits all the time, as for a source that waits for
//! others itself: there everybody sleeps. So being awake never takes more time than the work between two visits.

use crate::apart::Apart;
use pipe_core::plan::AnySource;
use std::hint::spin_loop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// See the module's text.
pub(crate) struct Intake<'p> {
    door: Apart<Door<'p>>,
    /// How many other workers there are. `None`: more than processors.
    others: Option<u64>,
}

/// Relaxed: the numbers publish nothing. A worker that sees an old one sleeps where it might have stayed awake, or the other way round.
struct Door<'p> {
    inside: Mutex<Inside<'p>>,
    /// Nanoseconds that the last pull took.
    took: AtomicU64,
    /// Somebody waits awake.
    awake: AtomicBool,
}

/// The source and the tickets it gives.
pub(crate) struct Inside<'p> {
    pub(crate) source: Box<dyn AnySource + 'p>,
    pub(crate) next_ticket: u64,
}

/// For no longer than this. A pull of 8,192 cheap items takes 30 us.
const QUICK: Duration = Duration::from_micros(50);

/// Between two looks at the clock and the lock: some 0.5 us.
const ROUND: usize = 16;

/// Has the source. When it is dropped the next one may have it.
pub(crate) struct Entered<'i, 'p> {
    inside: MutexGuard<'i, Inside<'p>>,
    since: Instant,
    took: &'i AtomicU64,
}

impl<'p> Intake<'p> {
    /// For this many workers, on this many processors.
    pub(crate) fn new(source: Box<dyn AnySource + 'p>, workers: usize, processors: usize) -> Self {
        let inside = Mutex::new(Inside { source, next_ticket: 0 });
        let door = Door { inside, took: AtomicU64::new(u64::MAX), awake: AtomicBool::new(false) };
        let others = (workers <= processors).then_some(workers.saturating_sub(1) as u64);
        Intake { door: Apart(door), others }
    }

    /// Enters, if nobody is inside.
    pub(crate) fn try_enter(&self) -> Option<Entered<'_, 'p>> {
        match self.door.0.inside.try_lock() {
            Ok(inside) => Some(self.entered(inside)),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.entered(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Enters when whoever is inside has left. `worked`: the time since this worker has left it.
    pub(crate) fn enter(&self, worked: Duration) -> Entered<'_, 'p> {
        let awake = self.is_short(worked).then(|| self.wait_awake()).flatten();
        awake.unwrap_or_else(|| {
            self.entered(self.door.0.inside.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Whether the wait will be short, as far as the last one tells, and shorter than the work between two of them.
    fn is_short(&self, worked: Duration) -> bool {
        let took = self.door.0.took.load(Relaxed);
        let Some(of_all) = self.others.and_then(|others| took.checked_mul(others)) else { return false };
        Duration::from_nanos(took) < QUICK && Duration::from_nanos(of_all) <= worked
    }

    /// `None`: it is better to sleep.
    fn wait_awake(&self) -> Option<Entered<'_, 'p>> {
        let awake = &self.door.0.awake;
        if awake.swap(true, Relaxed) {
            return None;
        }
        let since = Instant::now();
        let mut entered = None;
        while entered.is_none() && since.elapsed() < QUICK {
            (0..ROUND).for_each(|_| spin_loop());
            entered = self.try_enter();
        }
        awake.store(false, Relaxed);
        entered
    }

    fn entered<'i>(&'i self, inside: MutexGuard<'i, Inside<'p>>) -> Entered<'i, 'p> {
        Entered { inside, since: Instant::now(), took: &self.door.0.took }
    }
}

impl Entered<'_, '_> {
    /// When it has entered.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Leaves after a pull, and returns when that was.
    pub(crate) fn leave(self) -> Instant {
        let now = Instant::now();
        self.took.store((now - self.since).as_nanos() as u64, Relaxed);
        now
    }
}

impl<'p> Deref for Entered<'_, 'p> {
    type Target = Inside<'p>;

    fn deref(&self) -> &Inside<'p> {
        &self.inside
    }
}

impl<'p> DerefMut for Entered<'_, 'p> {
    fn deref_mut(&mut self) -> &mut Inside<'p> {
        &mut self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::plan::BoxBatch;
    use pipe_core::{RunError, Want};
    use std::thread;

    struct Nothing;

    impl AnySource for Nothing {
        fn pull(&mut self, _: Want) -> Result<Option<BoxBatch>, RunError> {
            Ok(None)
        }

        fn pull_until(&mut self, _: Want, _: &mut dyn FnMut() -> bool) -> Result<Option<BoxBatch>, RunError> {
            Ok(None)
        }
    }

    const US: Duration = Duration::from_micros(1);

    #[test]
    fn one_at_a_time_is_inside_however_the_others_wait() {
        let intake = Intake::new(Box::new(Nothing), 4, 4);
        thread::scope(|scope| {
            for worked in [Duration::MAX, Duration::ZERO, Duration::MAX, Duration::MAX] {
                let intake = &intake;
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let mut entered = intake.try_enter().unwrap_or_else(|| intake.enter(worked));
                        let ticket = entered.next_ticket;
                        spin_loop();
                        entered.next_ticket = ticket + 1;
                        entered.leave();
                    }
                });
            }
        });
        assert_eq!(intake.enter(Duration::ZERO).next_ticket, 8_000);
        assert!(!intake.door.0.awake.load(Relaxed));
    }

    #[test]
    fn who_would_wait_for_longer_than_it_works_sleeps() {
        let short = |workers, processors, took: Duration, worked| {
            let intake = Intake::new(Box::new(Nothing), workers, processors);
            assert!(!intake.is_short(Duration::MAX), "nothing is known of it");
            intake.door.0.took.store(took.as_nanos() as u64, Relaxed);
            intake.is_short(worked)
        };
        assert!(short(2, 2, 20 * US, 60 * US));
        // It is the limit of the run: of two workers, and of four, though each works for three times as long.
        assert!(!short(2, 2, 20 * US, 19 * US) && !short(4, 4, 20 * US, 59 * US));
        assert!(short(4, 4, 20 * US, 60 * US));
        assert!(!short(2, 2, QUICK, 1_000 * US), "a wait of 50 us is worth a sleep");
        assert!(!short(3, 2, US, 1_000 * US), "somebody else wants the processor");
    }

    #[test]
    fn one_waits_awake_and_not_for_ever() {
        let intake = Intake::new(Box::new(Nothing), 2, 2);
        let inside = intake.try_enter().expect("nobody is inside");
        intake.door.0.awake.store(true, Relaxed);
        assert!(intake.wait_awake().is_none(), "somebody waits awake");
        assert!(intake.door.0.awake.load(Relaxed), "and still does");
        intake.door.0.awake.store(false, Relaxed);
        assert!(intake.wait_awake().is_none() && !intake.door.0.awake.load(Relaxed), "it gives up");
        drop(inside);
        assert!(intake.wait_awake().is_some());
    }
}
