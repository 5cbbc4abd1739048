//! The source of a run: one worker at a time is inside, and the others wait for it.
//!
//! A batch of cheap items is read in some 20 us. Who sleeps for that is woken by a system call, and runs again some 10 us later, or far later on a
//! busy machine. So who finds somebody inside stays awake for as long as a quick source takes: one at a time, only while each worker has a
//! processor, and only where the last pull was quick. For a source that waits for others everybody sleeps.

use crate::apart::Apart;
use pipe_core::plan::AnySource;
use std::hint::spin_loop;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// See the module's text.
pub(crate) struct Intake<'p> {
    inside: Apart<Mutex<Inside<'p>>>,
    waiting: Apart<Waiting>,
}

/// The source and the tickets it gives.
pub(crate) struct Inside<'p> {
    pub(crate) source: Box<dyn AnySource + 'p>,
    pub(crate) next_ticket: u64,
}

/// Relaxed: these publish nothing. Who sees an old value sleeps where it might have stayed awake, or the other way round.
#[derive(Debug, Default)]
struct Waiting {
    /// The last pull took less than [`QUICK`].
    quick: AtomicBool,
    /// Somebody waits awake.
    awake: AtomicBool,
}

/// A pull of 8,192 cheap items takes 30 us.
const QUICK: Duration = Duration::from_micros(50);

/// Between two looks at the clock and the lock: some 0.5 us.
const ROUND: usize = 16;

/// Has the source. When it is dropped the next one may have it.
pub(crate) struct Entered<'i, 'p> {
    inside: MutexGuard<'i, Inside<'p>>,
    since: Instant,
    waiting: &'i Waiting,
}

/// How who finds somebody inside waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// There is a processor for each worker.
    Awake,
    /// Another worker wants the processor.
    Asleep,
}

impl<'p> Intake<'p> {
    pub(crate) fn new(source: Box<dyn AnySource + 'p>) -> Self {
        let inside = Mutex::new(Inside { source, next_ticket: 0 });
        Intake { inside: Apart(inside), waiting: Apart::default() }
    }

    /// Enters, if nobody is inside.
    pub(crate) fn try_enter(&self) -> Option<Entered<'_, 'p>> {
        match self.inside.0.try_lock() {
            Ok(inside) => Some(self.entered(inside)),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.entered(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Enters when whoever is inside has left.
    pub(crate) fn enter(&self, patience: Patience) -> Entered<'_, 'p> {
        let awake = (patience == Patience::Awake).then(|| self.wait_awake()).flatten();
        awake.unwrap_or_else(|| self.entered(self.inside.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// `None`: it is better to sleep.
    fn wait_awake(&self) -> Option<Entered<'_, 'p>> {
        let Waiting { quick, awake } = &self.waiting.0;
        if !quick.load(Relaxed) || awake.swap(true, Relaxed) {
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
        Entered { inside, since: Instant::now(), waiting: &self.waiting.0 }
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

impl Drop for Entered<'_, '_> {
    fn drop(&mut self) {
        let quick = self.since.elapsed() < QUICK;
        // Written only where it changes: the line stays with all who read it.
        if self.waiting.quick.load(Relaxed) != quick {
            self.waiting.quick.store(quick, Relaxed);
        }
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

    #[test]
    fn one_at_a_time_is_inside_however_the_others_wait() {
        let intake = Intake::new(Box::new(Nothing));
        thread::scope(|scope| {
            for patience in [Patience::Awake, Patience::Asleep, Patience::Awake, Patience::Awake] {
                let intake = &intake;
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let mut entered = intake.try_enter().unwrap_or_else(|| intake.enter(patience));
                        let ticket = entered.next_ticket;
                        spin_loop();
                        entered.next_ticket = ticket + 1;
                    }
                });
            }
        });
        assert_eq!(intake.enter(Patience::Asleep).next_ticket, 8_000);
        assert!(!intake.waiting.0.awake.load(Relaxed));
    }

    #[test]
    fn nobody_waits_awake_for_a_source_that_is_slow_or_where_somebody_does() {
        let intake = Intake::new(Box::new(Nothing));
        let mut inside = intake.try_enter().expect("nobody is inside");
        assert!(intake.wait_awake().is_none(), "nothing is known of it");
        intake.waiting.0.quick.store(true, Relaxed);
        intake.waiting.0.awake.store(true, Relaxed);
        assert!(intake.wait_awake().is_none(), "somebody waits awake");
        assert!(intake.waiting.0.awake.load(Relaxed), "and still does");
        intake.waiting.0.awake.store(false, Relaxed);
        assert!(intake.wait_awake().is_none() && !intake.waiting.0.awake.load(Relaxed), "it gives up");
        inside.since -= 2 * QUICK;
        drop(inside);
        assert!(!intake.waiting.0.quick.load(Relaxed));
    }
}
