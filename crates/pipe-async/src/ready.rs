//! Which of many futures want to be polled: one bit for each, set by its waker.
//!
//! A task with 10,000 futures that is woken for one of them must not poll all. So each has a waker of its own, which sets its bit and
//! rings the bell; the bell wakes the task once, however many rang.
//!
//! # Why no wake is lost
//!
//! A waker *sets its bit, then swaps `rung` to true*; the task *sets `rung` to false, then takes the bits*. All are sequentially
//! consistent. If the waker finds `rung` true, its swap came before the task's store, hence its bit before the task's look at the bits: the
//! task sees it. If it finds `rung` false, it wakes the task, which was left there after it had sat down.
//!
//! A waker may outlive its future, which sits in a slot; then it sets a bit of an empty slot, or of the slot's next future, which is polled
//! once in vain.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Wakes the task, once for all that rang.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    /// From now on, a ring wakes `task`.
    pub(crate) fn arm(&self, task: &Waker) {
        {
            let mut kept = self.task.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *kept {
                Some(kept) => kept.clone_from(task),
                none => *none = Some(task.clone()),
            }
        }
        self.rung.store(false, SeqCst);
    }

    fn ring(&self) {
        if self.rung.swap(true, SeqCst) {
            return;
        }
        // Not woken under the lock: a waker is foreign code.
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// The bits of 64 futures.
pub(crate) struct Word {
    bits: AtomicU64,
    bell: Arc<Bell>,
}

impl Word {
    pub(crate) const BITS: usize = 64;

    pub(crate) fn new(bell: &Arc<Bell>) -> Arc<Self> {
        Arc::new(Word { bits: AtomicU64::new(0), bell: bell.clone() })
    }

    /// Takes all bits that are set.
    pub(crate) fn take(&self) -> u64 {
        self.bits.swap(0, SeqCst)
    }

    /// Sets bits without ringing: by the task itself.
    pub(crate) fn set(&self, bits: u64) {
        self.bits.fetch_or(bits, SeqCst);
    }

    /// A waker that sets bit number `bit`.
    pub(crate) fn waker(self: &Arc<Self>, bit: usize) -> Waker {
        Waker::from(Arc::new(Bit { word: self.clone(), mask: 1 << bit }))
    }
}

struct Bit {
    word: Arc<Word>,
    mask: u64,
}

impl Wake for Bit {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Set already: then whoever set it rings.
        if self.word.bits.fetch_or(self.mask, SeqCst) & self.mask == 0 {
            self.word.bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn the_task_is_woken_once_for_all_that_rang() {
        let (count, bell) = (Arc::new(Count(AtomicUsize::new(0))), Arc::new(Bell::default()));
        let word = Word::new(&bell);
        let (third, last) = (word.waker(3), word.waker(63));
        bell.arm(&count.clone().into());
        third.wake_by_ref();
        third.wake_by_ref();
        last.wake_by_ref();
        assert_eq!((count.0.load(SeqCst), word.take()), (1, 1 << 3 | 1 << 63));
        bell.arm(&count.clone().into());
        last.wake();
        assert_eq!((count.0.load(SeqCst), word.take(), word.take()), (2, 1 << 63, 0));
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        let (count, bell) = (Arc::new(Count(AtomicUsize::new(0))), Arc::new(Bell::default()));
        let words: Vec<_> = (0..4).map(|_| Word::new(&bell)).collect();
        let rounds = 2_000;
        std::thread::scope(|scope| {
            for word in &words {
                scope.spawn(move || (0..rounds).for_each(|round| word.waker(round % 64).wake()));
            }
        });
        // Nobody armed it: the first ring is kept, and all bits are there for who comes later.
        bell.arm(&count.clone().into());
        assert_eq!(words.iter().map(|word| word.take()).collect::<Vec<_>>(), [u64::MAX; 4]);
    }
}
