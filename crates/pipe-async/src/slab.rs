//! Futures that are polled by one task, each only when its own waker was called.
//!
//! They lie next to each other, 64 in a chunk, and are used where they lie: no allocation, no reference count and no lock for an operation.
//! Chunks are made as they are needed, so memory follows what is really in flight; a slot whose future is over is used again, the last
//! one first, since it is in the cache still.
//!
//! # Why this is sound
//!
//! *Futures do not move.* A chunk is a vector with room for all its slots from the beginning, and never gets more: what it holds stays
//! where it is, also when the vector itself moves. Slots are never removed; a future is dropped where it lies, by `Pin::set` or with its
//! slab. Nobody is given a `&mut F`. So what a pinned future is promised holds.
//!
//! *Wakers.* A waker is the address of its group, plus the number of its bit. A group lies at a multiple of 64 and is at least 64 bytes
//! long, so that sum is an address within the group, and both can be had back from it. The address comes from `Arc::as_ptr`, which may be
//! used for the whole group. Each waker that was cloned owns one count of that `Arc`, so it may outlive the slab and go to other threads:
//! a group is `Send` and `Sync`, and nothing else is reached through it. The waker that a future is polled with owns no count, is not
//! dropped, and is borrowed for the time of the poll, during which the chunk keeps the group.
#![expect(unsafe_code, reason = "futures that are pinned where they lie, and wakers that are an address")]

use crate::ready::{Group, Ready};
use pipe_core::Payload;
use std::any::Any;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// Futures, each with a mark that says what it is for.
pub(crate) struct Slab<F> {
    chunks: Vec<Chunk<F>>,
    ready: Ready,
    /// The slot that is used next: the last one that became free. Those without a future are a list through their marks.
    free: u64,
    len: usize,
    /// How many there may be: the last chunk need not have room for more.
    most: usize,
}

/// 64 slots, or as many as are left, and their bits.
struct Chunk<F> {
    group: Arc<Group>,
    slots: Vec<Slot<F>>,
}

struct Slot<F> {
    future: Option<F>,
    /// With a future: what it is for. Without: the slot that is free after this one, or `NONE`.
    mark: u64,
}

/// The end of the list of free slots.
const NONE: u64 = u64::MAX;

/// What came of a future: its output, or what it threw.
pub(crate) type Thrown<R> = Result<R, Box<dyn Any + Send>>;

/// What came of a future that was just taken in.
pub(crate) enum Started<R> {
    /// It was over at its first poll.
    Over(Thrown<R>),
    /// Its place, which is that of another one when it is over.
    Pending(usize),
}

impl<F: Future> Slab<F> {
    /// None yet, and at most `most` at once.
    pub(crate) fn new(most: usize) -> Self {
        Slab { chunks: Vec::new(), ready: Ready::new(), free: NONE, len: 0, most }
    }

    /// How many futures there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many more there may be.
    pub(crate) fn room(&self) -> usize {
        self.most - self.len
    }

    /// Takes a future in and polls it for the first time. What `make` throws is its end. `mark` is asked if it is not over then.
    ///
    /// # Panics
    /// There is no room.
    #[inline]
    pub(crate) fn start(
        &mut self,
        make: impl FnOnce() -> F,
        mark: impl FnOnce() -> u64,
    ) -> Started<F::Output> {
        let index = if self.free == NONE { self.grow() } else { self.free as usize };
        let chunk = &mut self.chunks[index / Group::BITS];
        let slot = &mut chunk.slots[index % Group::BITS];
        match slot.poll(&chunk.group, index % Group::BITS, |mut future| future.set(Some(make()))) {
            Some(ended) => Started::Over(ended),
            None => {
                self.free = std::mem::replace(&mut slot.mark, mark());
                self.len += 1;
                Started::Pending(index)
            }
        }
    }

    /// Makes another slot, which is free.
    #[cold]
    fn grow(&mut self) -> usize {
        let index =
            self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * Group::BITS + last.slots.len());
        assert!(index < self.most, "more futures than the slab was made for");
        if index.is_multiple_of(Group::BITS) {
            let slots = Vec::with_capacity(Group::BITS.min(self.most - index));
            self.chunks.push(Chunk { group: self.ready.add_group().clone(), slots });
        }
        let slots = &mut self.chunks[index / Group::BITS].slots;
        debug_assert!(slots.len() < slots.capacity(), "a vector that grows moves what it holds");
        slots.push(Slot { future: None, mark: NONE });
        self.free = index as u64;
        index
    }

    /// Polls the future at this place, whether it wants it or not.
    pub(crate) fn poll_one(&mut self, index: usize) -> Option<(u64, Thrown<F::Output>)> {
        let (slot, ended) = self.chunks[index / Group::BITS].poll(index % Group::BITS)?;
        self.len -= 1;
        Some((slot.leave(&mut self.free, index), ended))
    }

    /// Drops the future at this place. What it throws then is its end.
    pub(crate) fn remove(&mut self, index: usize) -> Option<(u64, Thrown<()>)> {
        let slot = &mut self.chunks[index / Group::BITS].slots[index % Group::BITS];
        slot.future.as_ref()?;
        let dropped = catch_unwind(AssertUnwindSafe(|| slot.future().set(None)));
        self.len -= 1;
        Some((slot.leave(&mut self.free, index), dropped))
    }

    /// Polls the futures that want it, `most` of them, and gives away what came of those that are over, with their places. Returns how many
    /// it looked at, and whether more want it.
    pub(crate) fn poll(
        &mut self,
        most: usize,
        mut over: impl FnMut(usize, u64, Thrown<F::Output>),
    ) -> (usize, bool) {
        let (chunks, free, len) = (&mut self.chunks, &mut self.free, &mut self.len);
        self.ready.take(most, |group, bits| {
            let chunk = &mut chunks[group];
            for bit in bits {
                // Without one: a waker that outlived its future.
                if let Some((slot, ended)) = chunk.poll(bit) {
                    *len -= 1;
                    let index = group * Group::BITS + bit;
                    over(index, slot.leave(free, index), ended);
                }
            }
        })
    }

    /// The task is at work: it need not be woken until `arm`.
    pub(crate) fn hold(&self) {
        self.ready.hold();
    }

    /// `task` is woken from now on when a future wants to be polled. True if one does already; then `task` may not be.
    pub(crate) fn arm(&self, task: &Waker) -> bool {
        self.ready.arm(task)
    }
}

/// Each future by itself: when two of them panic in their `Drop`, the second panic would end the process. Of all that
/// is thrown the first goes on.
impl<F> Drop for Slab<F> {
    fn drop(&mut self) {
        let mut thrown = None;
        for slot in self.chunks.iter_mut().flat_map(|chunk| &mut chunk.slots) {
            let dropped = catch_unwind(AssertUnwindSafe(|| slot.future().set(None)));
            thrown = thrown.or(dropped.err().map(Payload::new));
        }
        if let Some(thrown) = thrown.filter(|_| !std::thread::panicking()) {
            resume_unwind(thrown.into_inner());
        }
    }
}

impl<F: Future> Chunk<F> {
    /// The slot of this bit, if its future is over with this poll.
    #[inline(always)]
    fn poll(&mut self, bit: usize) -> Option<(&mut Slot<F>, Thrown<F::Output>)> {
        // A slot may be empty, but a bit behind the last slot has no waker.
        let slot = &mut self.slots[bit];
        slot.future.as_ref()?;
        let ended = slot.poll(&self.group, bit, |_| ())?;
        Some((slot, ended))
    }
}

impl<F> Slot<F> {
    /// Its future is over: the slot, which is number `index`, is the first in the list of free ones. Returns what the future was for.
    #[inline]
    fn leave(&mut self, free: &mut u64, index: usize) -> u64 {
        let next = std::mem::replace(free, index as u64);
        std::mem::replace(&mut self.mark, next)
    }

    fn future(&mut self) -> Pin<&mut Option<F>> {
        // SAFETY: a slot stays where it is until it is dropped, and this is the only way to its future (see the head of this file).
        unsafe { Pin::new_unchecked(&mut self.future) }
    }
}

impl<F: Future> Slot<F> {
    /// Polls its future, which there is after `prepare`, and drops it if it is over. One look for panics: it is passed a million times a second.
    #[inline]
    fn poll(
        &mut self,
        group: &Arc<Group>,
        bit: usize,
        prepare: impl FnOnce(Pin<&mut Option<F>>),
    ) -> Option<Thrown<F::Output>> {
        let waker = borrowed(group, bit);
        let mut future = self.future();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            prepare(future.as_mut());
            let present = future.as_mut().as_pin_mut().expect("a slot that is polled has a future");
            let polled = present.poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                // In here, because this too is foreign code.
                future.set(None);
            }
            polled
        }));
        match polled {
            Ok(Poll::Pending) => None,
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Err(thrown) => {
                // A second panic, from the `Drop` of what panicked, says nothing new.
                let _ = catch_unwind(AssertUnwindSafe(|| future.set(None))).map_err(Payload::new);
                Some(Err(thrown))
            }
        }
    }
}

/// The waker of a bit, without a count of its own: it may be used as long as `group` is there, and must not be dropped.
fn borrowed(group: &Arc<Group>, bit: usize) -> ManuallyDrop<Waker> {
    debug_assert!(bit < Group::BITS);
    let data = Arc::as_ptr(group).cast::<u8>().wrapping_add(bit).cast();
    // SAFETY: the functions of `WAKER` keep to the contract of a waker for such an address: see each.
    ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(data, &WAKER)) })
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// That an address within a group says which bit is meant, and that wakers may go to other threads.
const _: () = {
    assert!(align_of::<Group>() >= Group::BITS && size_of::<Group>() >= Group::BITS);
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Group>();
};

/// What `borrowed` was made of.
fn parts(data: *const ()) -> (*const Group, usize) {
    let bit = data.addr() % Group::BITS;
    (data.cast::<u8>().wrapping_sub(bit).cast(), bit)
}

/// # Safety
/// `data` is that of a waker of this file, whose group is alive.
unsafe fn clone(data: *const ()) -> RawWaker {
    let (group, _) = parts(data);
    // SAFETY: the address came from `Arc::as_ptr`, and the `Arc` is alive: the caller's waker has a count, or borrows one.
    unsafe { Arc::increment_strong_count(group) };
    RawWaker::new(data, &WAKER)
}

/// # Safety
/// As for `clone`; and the waker owns a count, which is used up.
unsafe fn wake(data: *const ()) {
    // SAFETY: those of the caller.
    unsafe {
        wake_by_ref(data);
        drop_waker(data);
    }
}

/// # Safety
/// As for `clone`.
unsafe fn wake_by_ref(data: *const ()) {
    let (group, bit) = parts(data);
    // SAFETY: the group is alive, and all that is done to it goes through `&`.
    unsafe { &*group }.set(bit);
}

/// # Safety
/// As for `wake`.
unsafe fn drop_waker(data: *const ()) {
    let (group, _) = parts(data);
    // SAFETY: the waker owns a count, made by `clone`, and is not used again.
    unsafe { Arc::decrement_strong_count(group) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::future::poll_fn;
    use std::rc::Rc;

    type Wakers = Rc<RefCell<Vec<Waker>>>;

    /// Ready at its `left`-th poll. Until then it keeps its wakers where the test finds them, and sees that it has not been moved.
    async fn after(left: usize, polls: &Cell<usize>, wakers: Wakers) {
        let (mut seen, mut address) = (0, None);
        let here = 0u8;
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            assert_eq!(*address.get_or_insert(&raw const here), &raw const here);
            seen += 1;
            if seen == left {
                return Poll::Ready(());
            }
            wakers.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn poll<F: Future<Output = ()>>(slab: &mut Slab<F>, most: usize) -> (Vec<u64>, bool) {
        let mut over = Vec::new();
        let (_, more) = slab.poll(most, |_, mark, ended| {
            ended.expect("none panics");
            over.push(mark);
        });
        (over, more)
    }

    #[test]
    fn only_futures_that_were_woken_are_polled_and_slots_are_used_again() {
        let (polls, wakers) = (Cell::new(0), Wakers::default());
        let mut slab = Slab::new(200);
        for mark in 0..200 {
            assert!(matches!(slab.start(|| after(2, &polls, wakers.clone()), || mark), Started::Pending(_)));
        }
        assert_eq!(slab.room(), 0);
        assert_eq!((poll(&mut slab, 150), polls.get(), slab.len()), ((vec![], false), 200, 200));
        wakers.borrow()[7].wake_by_ref();
        wakers.borrow()[7].wake_by_ref();
        assert_eq!((poll(&mut slab, 150), polls.get(), slab.len()), ((vec![7], false), 201, 199));
        assert!(matches!(slab.start(|| after(1, &polls, wakers.clone()), || 1_000), Started::Over(Ok(()))));
        let Started::Pending(place) = slab.start(|| after(2, &polls, wakers.clone()), || 1_001) else {
            panic!()
        };
        // The place of number 7, whose waker now is one too many.
        assert_eq!((place, slab.len(), slab.chunks.len()), (7, 200, 4));
        wakers.borrow()[7].wake_by_ref();
        assert_eq!(poll(&mut slab, 150), (vec![1_001], false));
        wakers.borrow()[7].wake_by_ref();
        assert_eq!((poll(&mut slab, 150), polls.get()), ((vec![], false), 204));
        wakers.borrow().iter().for_each(Waker::wake_by_ref);
        // Place 7 is free, and looked at in vain.
        let (first, second) = (poll(&mut slab, 150), poll(&mut slab, 150));
        assert_eq!((first.0.len(), first.1, second.0.len(), second.1, slab.len()), (149, true, 50, false, 0));
    }

    #[test]
    fn a_future_that_panics_is_dropped_and_the_others_go_on() {
        let (alive, polls, wakers) = (Rc::new(()), Cell::new(0), Wakers::default());
        let mut slab = Slab::new(3);
        for mark in 0..3 {
            let (held, wait) = (alive.clone(), after(2, &polls, wakers.clone()));
            let future = async move {
                let _held = held;
                wait.await;
                if mark == 1 {
                    std::panic::resume_unwind(Box::new("one"));
                }
            };
            slab.start(|| future, || mark);
        }
        wakers.borrow().iter().for_each(Waker::wake_by_ref);
        let mut ends = Vec::new();
        slab.poll(9, |place, mark, ended| ends.push((place, mark, ended.is_ok())));
        assert_eq!(ends, [(0, 0, true), (1, 1, false), (2, 2, true)]);
        assert_eq!((slab.len(), Rc::strong_count(&alive)), (0, 1));
    }

    #[test]
    fn a_waker_outlives_its_future_and_its_slab_on_any_thread() {
        let (polls, wakers) = (Cell::new(0), Wakers::default());
        let mut slab = Slab::new(65);
        for mark in 0..65 {
            slab.start(|| after(9, &polls, wakers.clone()), || mark);
        }
        assert!(slab.remove(64).is_some_and(|(mark, dropped)| mark == 64 && dropped.is_ok()));
        let groups: Vec<_> = slab.chunks.iter().map(|chunk| Arc::downgrade(&chunk.group)).collect();
        drop(slab);
        let kept = std::mem::take(&mut *wakers.borrow_mut());
        let one = kept[3].clone();
        assert!(one.will_wake(&kept[3]) && !one.will_wake(&kept[4]));
        std::thread::spawn(move || kept.into_iter().for_each(Waker::wake)).join().expect("no panic");
        // The last one of its group gives the group back.
        assert_eq!((groups[0].strong_count(), groups[1].strong_count()), (1, 0));
        one.wake();
        assert_eq!(groups[0].strong_count(), 0);
    }

    #[test]
    fn futures_that_all_panic_when_they_are_dropped_end_with_one_panic() {
        struct Bomb<'c>(&'c Cell<usize>);
        impl Drop for Bomb<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
                resume_unwind(Box::new(self.0.get()));
            }
        }
        let dropped = Cell::new(0);
        let mut slab = Slab::new(70);
        for mark in 0..70 {
            let bomb = Bomb(&dropped);
            let future = async move {
                let _bomb = bomb;
                std::future::pending::<()>().await;
            };
            slab.start(|| future, || mark);
        }
        let thrown = catch_unwind(AssertUnwindSafe(|| drop(slab))).expect_err("they panic");
        assert_eq!((thrown.downcast_ref::<usize>(), dropped.get()), (Some(&1), 70));
    }

    #[test]
    fn a_place_that_is_dropped_or_polled_out_of_turn_is_free() {
        let (polls, wakers) = (Cell::new(0), Wakers::default());
        let mut slab = Slab::new(2);
        slab.start(|| after(2, &polls, wakers.clone()), || 0);
        slab.start(|| after(3, &polls, wakers.clone()), || 1);
        assert!(slab.poll_one(1).is_none());
        assert!(slab.poll_one(0).is_some_and(|(mark, ended)| mark == 0 && ended.is_ok()));
        assert!(slab.poll_one(0).is_none() && slab.remove(0).is_none());
        assert_eq!((slab.remove(1).map(|(mark, _)| mark), slab.len()), (Some(1), 0));
    }
}
