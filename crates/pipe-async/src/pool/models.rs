//! Models of the hand-off, for loom: every order of those who give and those who leave. With `RUSTFLAGS="--cfg loom"`.

use super::line::{Grant, Line, Turn};
use loom::model::Builder;
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Every order with at most this many preemptions. Most bugs need one or two.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn poll<T>(turn: &mut Turn<'_, T>) -> Poll<Grant<T>> {
    Pin::new(turn).poll(&mut Context::from_waker(Waker::noop()))
}

/// Where a thread sits down until it is woken. A wake that is lost is a model in which all threads wait: loom reports that.
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

fn wait_for<T>(mut turn: Turn<'_, T>) -> Grant<T> {
    let seat = Arc::new(Seat::default());
    let waker = Waker::from(seat.clone());
    loop {
        if let Poll::Ready(grant) = Pin::new(&mut turn).poll(&mut Context::from_waker(&waker)) {
            return grant;
        }
        let mut woken = seat.woken.lock().unwrap();
        while !*woken {
            woken = seat.changed.wait(woken).unwrap();
        }
        *woken = false;
    }
}

/// A line of one place, which is lent as object 7.
fn all_lent() -> Line<u32> {
    let line = Line::new(1, 1);
    assert!(matches!(poll(&mut line.turn()), Poll::Ready(Grant::Place)));
    line.made();
    line
}

/// Fetches what it is granted and gives it back.
fn use_once(line: &Line<u32>) {
    match wait_for(line.turn()) {
        Grant::Object(object) => line.give(object),
        Grant::Place => {
            line.made();
            line.give(8);
        }
    }
}

#[test]
fn who_waits_is_woken_by_an_object_that_comes_back() {
    check(|| {
        let line = Arc::new(all_lent());
        let waiter = line.clone();
        let waiter = thread::spawn(move || use_once(&waiter));
        line.give(7);
        waiter.join().unwrap();
        assert_eq!((line.standing().idle, line.standing().waiting), (1, 0));
    });
}

#[test]
fn who_waits_is_woken_by_a_place_that_became_free() {
    check(|| {
        let line = Arc::new(all_lent());
        let waiter = line.clone();
        let waiter = thread::spawn(move || use_once(&waiter));
        line.lost();
        waiter.join().unwrap();
        assert_eq!((line.standing().places, line.standing().idle, line.standing().making), (1, 1, 0));
    });
}

#[test]
fn what_was_granted_to_one_who_left_goes_to_the_next() {
    check(|| {
        let line = Arc::new(all_lent());
        let (leaver, waiter) = (line.clone(), line.clone());
        // It leaves at any moment: before its turn, with its turn granted and not fetched, or after it was served.
        let leaver = thread::spawn(move || {
            let mut turn = leaver.turn();
            if let Poll::Ready(Grant::Object(object)) = poll(&mut turn) {
                leaver.give(object);
            }
        });
        let waiter = thread::spawn(move || use_once(&waiter));
        line.give(7);
        leaver.join().unwrap();
        waiter.join().unwrap();
        let standing = line.standing();
        assert_eq!((standing.places, standing.idle, standing.waiting), (1, 1, 0));
    });
}

#[test]
fn a_useless_object_is_replaced_without_losing_its_place() {
    check(|| {
        let line = Arc::new(all_lent());
        let waiter = line.clone();
        let other = thread::spawn(move || use_once(&waiter));
        line.give(7);
        {
            let mut turn = line.turn();
            if let Poll::Ready(Grant::Object(_)) = poll(&mut turn) {
                turn.again();
            }
        }
        other.join().unwrap();
        let standing = line.standing();
        // It was replaced, or nobody came after this one.
        assert_eq!((standing.places, standing.making, standing.waiting), (standing.idle, 0, 0));
    });
}
