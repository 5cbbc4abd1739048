//! Futures that are polled by one task, each only when its own waker was called.
//!
//! A slot keeps its place in memory and its waker when its future is over, so that in the long run an operation allocates nothing. Slots
//! are made as they are needed: memory follows what is really in flight.

use crate::ready::{Bell, Word};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Futures, each with a tag that says what it is for.
pub(crate) struct Slab<F, T> {
    slots: Vec<Slot<F, T>>,
    /// One for every 64 slots.
    words: Vec<Arc<Word>>,
    free: Vec<usize>,
    bell: Arc<Bell>,
    /// Where the next look at the words begins: behind the one where the last was interrupted.
    next_word: usize,
}

struct Slot<F, T> {
    future: Pin<Box<Option<F>>>,
    /// `None`: the slot is free.
    tag: Option<T>,
    waker: Waker,
}

/// What came of a future: its output, or what it threw.
pub(crate) type Thrown<R> = Result<R, Box<dyn Any + Send>>;

impl<F: Future, T> Slab<F, T> {
    pub(crate) fn new() -> Self {
        let (slots, words, free) = (Vec::new(), Vec::new(), Vec::new());
        Slab { slots, words, free, bell: Arc::default(), next_word: 0 }
    }

    /// How many futures there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Takes a future in. It is polled at the next `poll`. Returns its place, which is that of another one when it is over.
    pub(crate) fn insert(&mut self, future: F, tag: T) -> usize {
        let index = match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index];
                slot.future.set(Some(future));
                slot.tag = Some(tag);
                index
            }
            None => self.grow(future, tag),
        };
        self.words[index / Word::BITS].set(1 << (index % Word::BITS));
        index
    }

    /// The tag of the future at this place.
    pub(crate) fn tag_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots[index].tag.as_mut()
    }

    /// Polls the future at this place, whether it wants it or not.
    pub(crate) fn poll_one(&mut self, index: usize) -> Option<(T, Thrown<F::Output>)> {
        let ended = self.slots[index].poll()?;
        self.free.push(index);
        Some(ended)
    }

    /// Drops the future at this place. What it throws then is its end.
    pub(crate) fn remove(&mut self, index: usize) -> Option<(T, Thrown<()>)> {
        let slot = &mut self.slots[index];
        let tag = slot.tag.take()?;
        self.free.push(index);
        let future = &mut slot.future;
        Some((tag, catch_unwind(AssertUnwindSafe(|| future.set(None)))))
    }

    fn grow(&mut self, future: F, tag: T) -> usize {
        let index = self.slots.len();
        if index.is_multiple_of(Word::BITS) {
            self.words.push(Word::new(&self.bell));
        }
        let waker = self.words[index / Word::BITS].waker(index % Word::BITS);
        self.slots.push(Slot { future: Box::pin(Some(future)), tag: Some(tag), waker });
        index
    }

    /// Polls the futures that want it, `most` of them, and gives away what came of those that are over. True if more want it. The task is
    /// woken when another one does.
    pub(crate) fn poll(
        &mut self,
        task: &Waker,
        most: usize,
        mut over: impl FnMut(T, Thrown<F::Output>),
    ) -> bool {
        self.bell.arm(task);
        let (first, words, mut left) = (self.next_word, self.words.len(), most);
        for word in (first..words).chain(0..first) {
            let mut bits = self.words[word].take();
            while bits != 0 {
                if left == 0 {
                    self.words[word].set(bits);
                    self.next_word = word;
                    return true;
                }
                left -= 1;
                let index = word * Word::BITS + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if let Some((tag, ended)) = self.slots[index].poll() {
                    self.free.push(index);
                    over(tag, ended);
                }
            }
        }
        false
    }
}

impl<F: Future, T> Slot<F, T> {
    fn poll(&mut self) -> Option<(T, Thrown<F::Output>)> {
        // A waker that outlived its future.
        self.tag.as_ref()?;
        let (future, waker) = (&mut self.future, &self.waker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let present = future.as_mut().as_pin_mut().expect("a slot with a tag has a future");
            let polled = present.poll(&mut Context::from_waker(waker));
            if polled.is_ready() {
                // In here, because this too is foreign code.
                future.set(None);
            }
            polled
        }));
        let ended = match polled {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(thrown) => {
                // A second panic, from the `Drop` of what panicked, says nothing new.
                let _ = catch_unwind(AssertUnwindSafe(|| future.set(None)));
                Err(thrown)
            }
        };
        self.tag.take().map(|tag| (tag, ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    /// Ready at its `left`-th poll; keeps its waker where the test finds it.
    struct After<'t> {
        left: usize,
        polls: &'t Cell<usize>,
        wakers: &'t RefCell<Vec<Waker>>,
    }

    impl Future for After<'_> {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.polls.set(self.polls.get() + 1);
            self.left -= 1;
            if self.left == 0 {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        }
    }

    #[test]
    fn only_futures_that_were_woken_are_polled_and_slots_are_used_again() {
        let (polls, wakers) = (Cell::new(0), RefCell::new(Vec::new()));
        let mut slab = Slab::new();
        let over = RefCell::new(Vec::new());
        let poll = |slab: &mut Slab<_, usize>, most| {
            slab.poll(Waker::noop(), most, |tag, ended: Thrown<()>| {
                ended.expect("none panics");
                over.borrow_mut().push(tag);
            })
        };
        for tag in 0..200 {
            slab.insert(After { left: 2, polls: &polls, wakers: &wakers }, tag);
        }
        assert!(poll(&mut slab, 150));
        assert!(!poll(&mut slab, 150));
        assert_eq!((polls.get(), slab.len()), (200, 200));
        // The first one that was polled is number 0.
        wakers.borrow()[0].wake_by_ref();
        wakers.borrow()[0].wake_by_ref();
        assert!(!poll(&mut slab, 150));
        assert_eq!((polls.get(), &*over.borrow(), slab.len()), (201, &vec![0], 199));
        slab.insert(After { left: 1, polls: &polls, wakers: &wakers }, 1_000);
        assert_eq!((slab.len(), slab.slots.len()), (200, 200));
        assert!(!poll(&mut slab, 150));
        assert_eq!(&*over.borrow(), &[0, 1_000]);
        // A waker of a future that is gone.
        wakers.borrow()[0].wake_by_ref();
        assert!(!poll(&mut slab, 150));
        assert_eq!((polls.get(), slab.len()), (202, 199));
    }

    #[test]
    fn a_future_that_panics_is_dropped_and_the_others_go_on() {
        let alive = Rc::new(());
        let mut slab = Slab::new();
        for tag in 0..3 {
            let held = alive.clone();
            let future = async move {
                let _held = held;
                if tag == 1 {
                    std::panic::resume_unwind(Box::new("one"));
                }
            };
            slab.insert(future, tag);
        }
        let mut ends = Vec::new();
        slab.poll(Waker::noop(), 9, |tag, ended| ends.push((tag, ended.is_ok())));
        assert_eq!(ends, [(0, true), (1, false), (2, true)]);
        assert_eq!((slab.len(), Rc::strong_count(&alive)), (0, 1));
    }
}
