//! Models of the ready bits, for loom, which runs them in every order that the memory model allows. With `RUSTFLAGS="--cfg loom"`.
//!
//! The bits are the real ones. The task is a thread that sits down on a model of a runtime: a lock, a flag, a condition variable.

use crate::ready::{Group, Ready};
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::model::Builder;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// Every order with at most this many preemptions. Most bugs need one or two.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// Where the task sits down. A wake that is lost is a model in which all threads wait: loom reports that.
#[derive(Default)]
struct Seat {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

impl Seat {
    fn sit(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.changed.wait(woken).unwrap();
        }
        *woken = false;
    }
}

/// As the driver: holds, looks at `most` bits at a time, arms, sits down where it may; until it has seen this many bits.
fn see(ready: &mut Ready, bits: usize, most: usize, mut each: impl FnMut(usize)) {
    let (seat, mut seen) = (Arc::new(Seat::default()), 0);
    let task = Waker::from(seat.clone());
    while seen < bits {
        ready.hold();
        let (_, is_more) = ready.take_each(most, |number| {
            seen += 1;
            each(number);
        });
        if seen < bits && !is_more && !ready.arm(&task) {
            seat.sit();
        }
    }
}

/// Bits for this many groups, which are to be seen by a task in portions of `most` while threads set those named, each thread its own.
fn threads_set(groups: usize, set: &'static [(usize, usize)], most: usize) {
    check(move || {
        let mut ready = Ready::new();
        let groups: Vec<Arc<Group>> = (0..groups).map(|_| ready.add_group().clone()).collect();
        // What operations wait for, by itself of no order: a poll sees it because it sees the bit.
        let data: Vec<_> = set.iter().map(|_| Arc::new(AtomicBool::new(false))).collect();
        let threads: Vec<_> = set
            .iter()
            .zip(&data)
            .map(|(&(group, bit), data)| {
                let (group, data) = (groups[group].clone(), data.clone());
                thread::spawn(move || {
                    data.store(true, Relaxed);
                    group.set(bit);
                })
            })
            .collect();
        see(&mut ready, set.len(), most, |number| {
            let place = set.iter().position(|(group, bit)| group * Group::BITS + bit == number);
            let data = &data[place.expect("a bit that was set")];
            assert!(data.load(Relaxed), "a bit was seen before its data");
            data.store(false, Relaxed);
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_task_that_sits_down_is_woken_for_two_bits_of_one_group() {
    threads_set(1, &[(0, 0), (0, 1)], usize::MAX);
}

#[test]
fn a_task_that_sits_down_is_woken_for_bits_of_two_groups() {
    threads_set(2, &[(0, 1), (1, 0)], usize::MAX);
}

#[test]
fn a_task_that_sits_down_is_woken_for_bits_of_two_summaries() {
    threads_set(3, &[(0, 1), (2, 0)], usize::MAX);
}

#[test]
fn bits_that_a_portion_left_are_seen_beside_those_set_meanwhile() {
    threads_set(2, &[(0, 1), (1, 0)], 1);
}

#[test]
fn a_bit_that_is_set_again_once_it_was_seen_is_seen_again() {
    check(|| {
        let mut ready = Ready::new();
        let group = ready.add_group().clone();
        let other = group.clone();
        let thread = thread::spawn(move || other.set(1));
        see(&mut ready, 1, 1, |number| assert_eq!(number, 1));
        thread.join().unwrap();
        // By the operation itself, while the task is at work: it is not woken for that.
        ready.hold();
        group.set(1);
        see(&mut ready, 1, 1, |number| assert_eq!(number, 1));
    });
}
