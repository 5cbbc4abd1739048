//! Decides who gets what, and in which order: the heart of the pools.
//!
//! Three rules, which hold whenever the lock is free:
//!
//! 1. An object lies idle, or a place is free that somebody may fill now, only while nobody waits.
//! 2. What becomes free goes to the one who has waited longest, and to nobody else: it is *granted*, before that one wakes up.
//! 3. A grant that is not fetched, because its owner is gone, is passed on.
//!
//! Wakers are woken, cloned and dropped while the lock is free: they are foreign code, which may come here again.
//!
//! So nobody overtakes, and nothing lies idle because the one who was told of it never came. That last gap is what makes waits of pools
//! long that only notify: between notice and fetch another takes the object, and the one who was told goes to the end of the line.

use super::tickets::Tickets;
use crate::sync::{Mutex, PoisonError};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Objects, places for objects, and those who wait for either.
pub(crate) struct Line<T> {
    state: Mutex<State<T>>,
    /// Objects that may exist.
    most: usize,
    /// Objects that may be in the making at once.
    most_making: usize,
}

/// What the one is given whose turn it is.
#[derive(Debug)]
pub(crate) enum Grant<T> {
    /// An object.
    Object(T),
    /// The right to make one, to be ended with [`Line::made`] or [`Line::not_made`].
    Place,
}

struct State<T> {
    /// Those that came back last are at the end, and are lent first.
    idle: VecDeque<T>,
    /// Objects that exist, and those in the making.
    places: usize,
    making: usize,
    next_ticket: u64,
    /// Who waits, by ticket: the lowest has waited longest.
    waiting: Tickets<Waker>,
    /// Those whose turn it is, and who have not come yet.
    granted: Tickets<Grant<T>>,
}

/// How a line is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Idle, lent, granted or in the making.
    pub(crate) places: usize,
    pub(crate) making: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
}

impl<T> Line<T> {
    /// Both at least 1.
    pub(crate) fn new(most: usize, most_making: usize) -> Self {
        let state = State {
            idle: VecDeque::new(),
            places: 0,
            making: 0,
            next_ticket: 0,
            waiting: Tickets::new(),
            granted: Tickets::new(),
        };
        Line { state: Mutex::new(state), most, most_making }
    }

    /// An object or a place, as soon as it is this one's turn.
    pub(crate) fn turn(&self) -> Turn<'_, T> {
        Turn { line: self, ticket: None, served: false, lost: false }
    }

    /// An object that comes back. It is lent next.
    pub(crate) fn give(&self, object: T) {
        self.change(|state| state.idle.push_back(object));
    }

    /// The place that was granted has been filled, and what fills it is lent.
    pub(crate) fn made(&self) {
        self.change(|state| state.making -= 1);
    }

    /// The place that was granted stays empty.
    pub(crate) fn not_made(&self) {
        self.change(|state| {
            state.making -= 1;
            state.places -= 1;
        });
    }

    /// An object that was lent does not come back.
    pub(crate) fn lost(&self) {
        self.change(|state| state.places -= 1);
    }

    /// Takes objects out that have been idle for longest, as long as they are over; and gives one that comes back, if there is one.
    pub(crate) fn expire(&self, given: Option<T>, is_over: impl Fn(&T) -> bool) -> Vec<T> {
        let mut over = Vec::new();
        self.change(|state| {
            state.idle.extend(given);
            while state.idle.front().is_some_and(&is_over) {
                over.extend(state.idle.pop_front());
                state.places -= 1;
            }
        });
        over
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.lock();
        let (places, making) = (state.places, state.making);
        Standing { places, making, idle: state.idle.len(), waiting: state.waiting.len() }
    }

    /// Changes something, then grants what has become free.
    fn change(&self, change: impl FnOnce(&mut State<T>)) {
        let (mut woken, mut others) = (None::<Waker>, Vec::new());
        {
            let mut state = self.lock();
            change(&mut state);
            while state.waiting.len() > 0
                && let Some(grant) = self.free(&mut state)
                && let Some((first, waker)) = state.waiting.pop_first()
            {
                state.granted.insert(first, grant);
                // One change frees one thing, or seldom more.
                match woken {
                    None => woken = Some(waker),
                    Some(_) => others.push(waker),
                }
            }
        }
        // Not under the lock: a waker is foreign code.
        woken.into_iter().chain(others).for_each(Waker::wake);
    }

    /// What may be given to the next one.
    fn free(&self, state: &mut State<T>) -> Option<Grant<T>> {
        if let Some(object) = state.idle.pop_back() {
            return Some(Grant::Object(object));
        }
        let is_room = state.places < self.most && state.making < self.most_making;
        is_room.then(|| {
            state.places += 1;
            state.making += 1;
            Grant::Place
        })
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = State<T>> + '_ {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of one who asks. Dropped, it leaves the line; what was granted to it goes to the next.
#[must_use = "a turn comes only while it is polled"]
pub(crate) struct Turn<'l, T> {
    line: &'l Line<T>,
    /// The place in the line. It is kept once the turn has come: see `again`.
    ticket: Option<u64>,
    /// It has what it came for, and the line knows nothing of it any more.
    served: bool,
    /// What was granted before was of no use, and its place is still counted.
    lost: bool,
}

impl<T> Turn<'_, T> {
    /// The object was of no use: asks for another, in front of all who came later. The object is dropped by the caller.
    pub(crate) fn again(&mut self) {
        self.lost = true;
    }
}

impl<T> Future for Turn<'_, T> {
    type Output = Grant<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Grant<T>> {
        let this = &mut *self;
        // Before the lock is taken, and what it replaces is dropped behind that: to clone a waker, or to drop one, is foreign code.
        let mut waker = Some(cx.waker().clone());
        this.served = false;
        let mut state = this.line.lock();
        if std::mem::take(&mut this.lost) {
            // What this frees is for us: nobody has been told of it.
            state.places -= 1;
        }
        let ticket = *this.ticket.get_or_insert_with(|| {
            state.next_ticket += 1;
            state.next_ticket
        });
        if let Some(grant) = state.granted.remove(ticket) {
            this.served = true;
            return Poll::Ready(grant);
        }
        let is_first = state.waiting.first().is_none_or(|first| ticket <= first);
        if is_first && let Some(grant) = this.line.free(&mut state) {
            let replaced = state.waiting.remove(ticket);
            this.served = true;
            drop(state);
            drop(replaced);
            return Poll::Ready(grant);
        }
        let replaced = waker.take().and_then(|waker| state.waiting.insert(ticket, waker));
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.filter(|_| !self.served || self.lost) else { return };
        let (lost, mut left) = (self.lost, None);
        self.line.change(|state| {
            if lost {
                state.places -= 1;
            }
            left = state.waiting.remove(ticket);
            match state.granted.remove(ticket) {
                Some(Grant::Object(object)) => state.idle.push_back(object),
                Some(Grant::Place) => {
                    state.places -= 1;
                    state.making -= 1;
                }
                None => {}
            }
        });
        // Its waker, not under the lock.
        drop(left);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};
    use std::task::Wake;
    use std::time::Duration;

    /// A waker that looks at the line whatever is done with it, and tells what that was.
    struct Looks {
        line: Arc<Line<u32>>,
        looked: mpsc::Sender<&'static str>,
    }

    impl Looks {
        fn look(&self, what: &'static str) {
            self.line.standing();
            let _ = self.looked.send(what);
        }
    }

    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            self.look("woken");
        }
    }

    impl Drop for Looks {
        fn drop(&mut self) {
            self.look("dropped");
        }
    }

    /// Each time with a waker of its own, of which only the line keeps a copy.
    fn poll(turn: &mut Turn<'_, u32>, line: &Arc<Line<u32>>, looked: &mpsc::Sender<&'static str>) -> bool {
        let waker = Waker::from(Arc::new(Looks { line: line.clone(), looked: looked.clone() }));
        Pin::new(turn).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    fn use_wakers(looked: &mpsc::Sender<&'static str>) {
        let line = Arc::new(Line::new(1, 1));
        assert!(poll(&mut line.turn(), &line, looked));
        line.made();
        let (mut first, mut second) = (line.turn(), line.turn());
        assert!(!poll(&mut first, &line, looked) && !poll(&mut second, &line, looked));
        // Replaces its waker.
        assert!(!poll(&mut first, &line, looked));
        // Leaves, and so does its waker.
        drop(second);
        line.give(7);
        assert!(poll(&mut first, &line, looked));
    }

    #[test]
    fn a_waker_may_use_the_line_when_it_is_woken_replaced_or_dropped() {
        let (looked, looks) = mpsc::channel();
        // On a thread of its own: one that waits for itself does so for ever.
        let thread = std::thread::spawn(move || use_wakers(&looked));
        let mut told = Vec::new();
        loop {
            match looks.recv_timeout(Duration::from_secs(60)) {
                Ok(what) => told.push(what),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the line stands still, after {told:?}"),
            }
        }
        thread.join().expect("nothing fails");
        told.sort_unstable();
        assert_eq!(told, ["dropped", "dropped", "dropped", "dropped", "dropped", "woken"]);
    }
}
