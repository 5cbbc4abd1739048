//! Which of many futures want to be polled: a bit for each, set by its waker.
//!
//! A task with 100,000 futures that is woken for one of them must not poll all, nor look at all. So there are two levels:
//!
//! ```text
//! bell      wakes the task, once for all that rang
//! summary   64 bits: which of its groups have a bit set         25 of them for 100,000 futures
//! group     64 bits: which of its futures want to be polled
//! ```
//!
//! # Why no wake is lost
//!
//! A waker *sets its bit; if it is the first in the group, sets the group's bit; if that is the first in the summary, swaps `rung` to true*,
//! and wakes the task if it was false. The task *swaps `rung` to false, then looks at the summaries*, and sits down if all are zero.
//!
//! * A group's bits are not zero: then whoever set the first of them sets the group's bit after that, or has done so and the task has
//!   taken it to take the group's bits next.
//! * A summary is not zero: then whoever set its first bit swaps `rung` after that. If that swap comes after the task's, it finds false and
//!   wakes the task, which was left there before. If it comes before, the task's swap acquires what it released, directly or through the
//!   swaps between the two: the task sees the bit.
//!
//! The second needs every change of `rung` to be a swap, so that each acquires all those before it; acquire and release are enough then.
//! A look at `rung` instead of a swap, or a plain store in between, would need an order of all accesses to both. While the task is at work
//! `rung` is true (`hold`), so that nobody wakes who is awake. `models` has this checked by loom.
//!
//! A waker may outlive its future, which sits in a slot; then it sets the bit of an empty slot, or of the slot's next future, which is
//! polled once in vain.

use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::sync::{Mutex, PoisonError};
use std::sync::Arc;
use std::task::Waker;

/// The bits of all futures of one task.
pub(crate) struct Ready {
    bell: Arc<Bell>,
    summaries: Vec<Arc<Summary>>,
    groups: Vec<Arc<Group>>,
    /// The bit where the next look begins: that at which the last was interrupted.
    next: usize,
}

/// The bits of 64 futures, and the way up. Its alignment leaves room for a number up to 64 in its address: see the slab's wakers.
#[repr(align(64))]
pub(crate) struct Group {
    bits: AtomicU64,
    /// Its bit there.
    mask: u64,
    summary: Arc<Summary>,
}

/// Which of 64 groups have a bit set.
struct Summary {
    bits: AtomicU64,
    bell: Arc<Bell>,
}

/// Wakes the task, once for all that rang.
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Ready {
    /// Bits for no future.
    pub(crate) fn new() -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::new(None) });
        Ready { bell, summaries: Vec::new(), groups: Vec::new(), next: 0 }
    }

    /// Makes bits for 64 more.
    pub(crate) fn add_group(&mut self) -> &Arc<Group> {
        let number = self.groups.len();
        if number.is_multiple_of(Group::BITS) {
            self.summaries.push(Arc::new(Summary { bits: AtomicU64::new(0), bell: self.bell.clone() }));
        }
        let summary = self.summaries[number / Group::BITS].clone();
        let mask = 1 << (number % Group::BITS);
        self.groups.push(Arc::new(Group { bits: AtomicU64::new(0), mask, summary }));
        &self.groups[number]
    }

    /// The task is at work and need not be woken until it calls `arm`.
    pub(crate) fn hold(&self) {
        // It mostly is: the task was woken by who swapped it. Only the task makes it false, so it sees that at once.
        if !self.bell.rung.load(Relaxed) {
            self.bell.rung.swap(true, AcqRel);
        }
    }

    /// From now on `task` is woken when a bit is set. True if one is set already; then it may not be.
    pub(crate) fn arm(&self, task: &Waker) -> bool {
        {
            let mut kept = self.bell.task.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *kept {
                Some(kept) => kept.clone_from(task),
                none => *none = Some(task.clone()),
            }
        }
        self.bell.rung.swap(false, AcqRel);
        self.summaries.iter().any(|summary| summary.bits.load(Relaxed) != 0)
    }

    /// Clears the bits that are set, `most` of them, and calls `each` with the numbers of their groups and those of each. Returns how many,
    /// and whether that left some. A bit that is set meanwhile is for the next time, so this comes to an end.
    pub(crate) fn take(&mut self, most: usize, mut each: impl FnMut(usize, Bits)) -> (usize, bool) {
        let (first, mut left) = (self.next / Group::BITS, most);
        let (summary, group) = (first / Group::BITS, 1 << (first % Group::BITS));
        let (before, seen) = (group - 1, (1 << (self.next % Group::BITS)) - 1);
        let count = self.summaries.len();
        // From where the last look ended to the end, and around to there: the lower bits of that group come last.
        let around = (summary + 1..count).chain(0..summary).map(|summary| (summary, u64::MAX, u64::MAX));
        let begin = [(summary, group, !seen), (summary, !(before | group), u64::MAX)];
        let end = [(summary, before, u64::MAX), (summary, if seen == 0 { 0 } else { group }, seen)];
        for (summary, of, part) in begin.into_iter().chain(around).chain(end) {
            let Some(found) = self.summaries.get(summary) else { continue };
            let mut groups = found.take(of);
            while groups != 0 {
                let group = summary * Group::BITS + groups.trailing_zeros() as usize;
                let (bits, rest) = Bits(self.groups[group].take(part)).split(left);
                left -= bits.0.count_ones() as usize;
                each(group, bits);
                if rest.0 != 0 {
                    self.groups[group].bits.fetch_or(rest.0, Release);
                    found.bits.fetch_or(groups, Release);
                    self.next = group * Group::BITS + rest.0.trailing_zeros() as usize;
                    return (most, true);
                }
                groups &= groups - 1;
            }
        }
        (most - left, false)
    }
}

/// The bits of a group that are set: their numbers, from the lowest.
pub(crate) struct Bits(u64);

impl Bits {
    /// The lowest `most`, and the others.
    fn split(self, most: usize) -> (Bits, Bits) {
        if self.0.count_ones() as usize <= most {
            return (self, Bits(0));
        }
        let others = (0..most).fold(self.0, |bits, _| bits & (bits - 1));
        (Bits(self.0 ^ others), Bits(others))
    }
}

impl Iterator for Bits {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

impl Group {
    /// Two in models, where 64 groups would be slow to make.
    pub(crate) const BITS: usize = if cfg!(all(test, loom)) { 2 } else { 64 };

    /// Sets a bit, and wakes the task if nobody else is about to.
    #[inline]
    pub(crate) fn set(&self, bit: usize) {
        if self.bits.fetch_or(1 << bit, Release) == 0 {
            self.rise();
        }
    }

    /// It is the first bit: sets that of the group. Not inlined, or each wake would save and restore the registers that only this needs.
    #[inline(never)]
    fn rise(&self) {
        if self.summary.bits.fetch_or(self.mask, Release) == 0 {
            self.summary.bell.ring();
        }
    }

    /// Takes those bits of `of` that are set, after its bit in the summary was taken. That is set again if others are left.
    fn take(&self, of: u64) -> u64 {
        let bits = self.bits.swap(0, Acquire);
        if bits & !of != 0 {
            self.bits.fetch_or(bits & !of, Release);
            self.summary.bits.fetch_or(self.mask, Release);
        }
        bits & of
    }
}

impl Summary {
    /// Takes those bits of `of` that are set. A look costs less than a swap.
    fn take(&self, of: u64) -> u64 {
        if self.bits.load(Relaxed) & of == 0 { 0 } else { self.bits.fetch_and(!of, Acquire) & of }
    }
}

impl Bell {
    fn ring(&self) {
        if self.rung.swap(true, AcqRel) {
            return;
        }
        // Not woken under the lock: a waker is foreign code.
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
impl Ready {
    /// As `take`, with the numbers of the bits themselves.
    pub(crate) fn take_each(&mut self, most: usize, mut each: impl FnMut(usize)) -> (usize, bool) {
        self.take(most, |group, bits| bits.for_each(|bit| each(group * Group::BITS + bit)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;
    use std::task::Wake;
    use std::time::{Duration, Instant};

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn of_groups(count: usize) -> Ready {
        let mut ready = Ready::new();
        (0..count).for_each(|_| _ = ready.add_group());
        ready
    }

    fn taken(ready: &mut Ready, most: usize) -> (Vec<usize>, bool) {
        let mut numbers = Vec::new();
        let (_, more) = ready.take_each(most, |number| numbers.push(number));
        (numbers, more)
    }

    #[test]
    fn the_task_is_woken_once_for_all_that_rang_and_not_while_it_is_at_work() {
        let (count, mut ready) = (Arc::new(Count(AtomicUsize::new(0))), of_groups(2));
        let task = count.clone().into();
        ready.groups[0].set(1);
        assert!(ready.arm(&task), "a bit is set");
        assert_eq!(taken(&mut ready, 9), (vec![1], false));
        assert!(!ready.arm(&task));
        ready.groups[0].set(3);
        ready.groups[0].set(3);
        ready.groups[1].set(63);
        assert_eq!((count.0.load(SeqCst), taken(&mut ready, 9)), (1, (vec![3, 127], false)));
        ready.hold();
        ready.groups[1].set(0);
        assert_eq!((count.0.load(SeqCst), ready.arm(&task)), (1, true));
    }

    #[test]
    fn bits_are_taken_once_whatever_the_portions_and_those_behind_come_first_again() {
        let mut ready = of_groups(130);
        let set: Vec<usize> = (0..130 * 64).step_by(37).collect();
        for portion in [1, 7, 64, 1_000] {
            set.iter().for_each(|number| ready.groups[number / 64].set(number % 64));
            let mut all = Vec::new();
            loop {
                let (numbers, more) = taken(&mut ready, portion);
                assert!(numbers.len() == portion || !more);
                all.extend(numbers);
                if !more {
                    break;
                }
            }
            all.sort_unstable();
            assert_eq!(all, set);
        }
    }

    #[test]
    fn futures_that_wake_themselves_do_not_keep_others_from_their_turn() {
        // The first group wakes itself all the time, but for the other one, which may be of that group.
        for (portion, other) in
            [1, 7, 64].into_iter().flat_map(|portion| [(portion, 63), (portion, 69 * 64 + 5)])
        {
            let mut ready = of_groups(70);
            let (group, mut seen) = (ready.groups[0].clone(), false);
            ready.groups[other / 64].set(other % 64);
            for _ in 0..64_usize.div_ceil(portion) + 1 {
                (0..63).for_each(|bit| group.set(bit));
                ready.take_each(portion, |number| seen |= number == other);
            }
            assert!(seen, "{other} in portions of {portion}");
        }
    }

    #[test]
    fn a_bit_that_is_set_again_while_it_is_taken_is_for_the_next_time() {
        let mut ready = of_groups(2);
        let group = ready.groups[0].clone();
        (0..64).for_each(|bit| group.set(bit));
        assert_eq!(taken(&mut ready, 40), ((0..40).collect(), true));
        (0..64).for_each(|bit| group.set(bit));
        let mut numbers = Vec::new();
        ready.take_each(usize::MAX, |number| {
            group.set(number);
            numbers.push(number);
        });
        assert_eq!(numbers, (40..64).chain(0..40).collect::<Vec<_>>());
        assert!(ready.arm(Waker::noop()), "all were set again");
        numbers.sort_unstable();
        let (mut again, more) = taken(&mut ready, usize::MAX);
        again.sort_unstable();
        assert_eq!((again, more), (numbers, false));
    }

    /// Wakes a thread that has sat down, as a runtime wakes a task.
    struct Sleeper {
        woken: AtomicBool,
        thread: std::thread::Thread,
    }

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.woken.store(true, SeqCst);
            self.thread.unpark();
        }
    }

    #[test]
    fn a_task_that_sits_down_whenever_it_may_sees_every_bit() {
        let mut ready = of_groups(66);
        let seen: Vec<_> = (0..3).map(|_| AtomicUsize::new(0)).collect();
        // Two of one group, and one of another summary.
        let places = [(0, 3), (0, 4), (65, 0)];
        let sleeper = Arc::new(Sleeper { woken: AtomicBool::new(false), thread: std::thread::current() });
        let (rounds, lost) = (20_000, AtomicBool::new(false));
        std::thread::scope(|scope| {
            for ((group, bit), seen) in places.into_iter().zip(&seen) {
                let (group, lost) = (ready.groups[group].clone(), &lost);
                scope.spawn(move || {
                    for round in 0..rounds {
                        group.set(bit);
                        // Nobody sets it again before it was seen: if this wake is lost, the task gets no other.
                        while seen.load(SeqCst) == round && !lost.load(SeqCst) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let task = sleeper.clone().into();
            while !lost.load(SeqCst) && seen.iter().any(|seen| seen.load(SeqCst) < rounds) {
                ready.hold();
                ready.take_each(usize::MAX, |number| {
                    let place = places.iter().position(|(group, bit)| group * 64 + bit == number);
                    seen[place.expect("one of the three")].fetch_add(1, SeqCst);
                });
                let is_over = seen.iter().all(|seen| seen.load(SeqCst) == rounds);
                if !is_over && !ready.arm(&task) {
                    let until = Instant::now() + Duration::from_secs(20);
                    while !sleeper.woken.swap(false, SeqCst) && !lost.load(SeqCst) {
                        std::thread::park_timeout(Duration::from_secs(1));
                        lost.store(Instant::now() > until, SeqCst);
                    }
                }
            }
        });
        assert!(!lost.load(SeqCst), "the task was not woken");
    }

    #[test]
    fn no_bit_is_lost_between_threads() {
        let mut ready = of_groups(4);
        let groups = ready.groups.clone();
        std::thread::scope(|scope| {
            for group in &groups {
                scope.spawn(move || (0..2_000).for_each(|round| group.set(round % 64)));
            }
        });
        assert_eq!(taken(&mut ready, usize::MAX).0, (0..256).collect::<Vec<_>>());
    }
}
