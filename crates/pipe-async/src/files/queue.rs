//! Calls that wait for a thread, are at one, or are over.

use std::collections::VecDeque;
use std::task::{Poll, Waker};
use std::thread;

/// All calls, under one lock.
pub(super) struct Queue<I, O> {
    slots: Vec<Slot<I, O>>,
    free: Vec<usize>,
    /// Slots that wait for a thread. Some of them have been given up since.
    waiting: VecDeque<usize>,
    /// How many of those.
    given_up: usize,
    /// Threads that are at calls.
    pub(super) running: usize,
    /// Threads that sleep until there is work.
    pub(super) asleep: usize,
    /// One more looks every now and then how they get on.
    pub(super) is_watched: bool,
    /// One of them was told of work, and has not looked yet.
    pub(super) is_called: bool,
    /// Calls that were begun, since the beginning.
    pub(super) begun: u64,
    /// Who waits for calls that are over, and has not been told yet.
    pub(super) woken: Vec<Waker>,
    pub(super) is_closed: bool,
}

enum Slot<I, O> {
    Free,
    /// Waits for a thread.
    Waiting(I, Waker),
    /// At a thread. `None`: nobody waits for what it gives.
    Running(Option<Waker>),
    /// Over, and not fetched yet.
    Over(thread::Result<O>),
    /// Nobody waits for it any more; still in the line.
    GivenUp,
}

impl<I, O> Queue<I, O> {
    pub(super) fn new() -> Self {
        Queue {
            slots: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            given_up: 0,
            running: 0,
            asleep: 0,
            is_watched: false,
            is_called: false,
            begun: 0,
            woken: Vec::new(),
            is_closed: false,
        }
    }

    /// Calls in the line.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() - self.given_up
    }

    /// A new call at the end of the line.
    pub(super) fn add(&mut self, input: I, waker: Waker) -> usize {
        let slot = Slot::Waiting(input, waker);
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.waiting.push_back(at);
        at
    }

    /// What a call has given, if it is over; then its slot is free. If not, `waker` is told when it is: the line needs a clone of it in
    /// `spare`, unless it has one, and asks for that with `None`. The waker that the clone replaces comes back in `spare`.
    pub(super) fn poll(
        &mut self,
        at: usize,
        waker: &Waker,
        spare: &mut Option<Waker>,
    ) -> Poll<Option<thread::Result<O>>> {
        if let Slot::Waiting(_, known) | Slot::Running(Some(known)) = &mut self.slots[at] {
            if known.will_wake(waker) {
                return Poll::Pending;
            }
            let Some(clone) = spare.take() else { return Poll::Ready(None) };
            *spare = Some(std::mem::replace(known, clone));
            return Poll::Pending;
        }
        self.free.push(at);
        match std::mem::replace(&mut self.slots[at], Slot::Free) {
            Slot::Over(output) => Poll::Ready(Some(output)),
            _ => unreachable!("a call is polled by its owner, who has not given it up"),
        }
    }

    /// Nobody waits for this call any more. What is to be dropped for that is given, to be dropped without the lock.
    pub(super) fn give_up(&mut self, at: usize) -> impl Sized + use<I, O> {
        let slot = std::mem::replace(&mut self.slots[at], Slot::Free);
        match &slot {
            Slot::Waiting(..) => {
                self.slots[at] = Slot::GivenUp;
                self.given_up += 1;
                self.clear_out();
            }
            Slot::Running(_) => self.slots[at] = Slot::Running(None),
            _ => self.free.push(at),
        }
        slot
    }

    /// Without those who left the line it would grow as long as the threads are busy.
    fn clear_out(&mut self) {
        if self.given_up < 64 || 2 * self.given_up < self.waiting.len() {
            return;
        }
        let Queue { slots, free, waiting, .. } = self;
        waiting.retain(|at| {
            let is_given_up = matches!(slots[*at], Slot::GivenUp);
            if is_given_up {
                slots[*at] = Slot::Free;
                free.push(*at);
            }
            !is_given_up
        });
        self.given_up = 0;
    }

    /// The first call of the line goes to a thread.
    pub(super) fn take(&mut self) -> Option<(usize, I)> {
        while let Some(at) = self.waiting.pop_front() {
            match std::mem::replace(&mut self.slots[at], Slot::Free) {
                Slot::Waiting(input, waker) => {
                    self.slots[at] = Slot::Running(Some(waker));
                    self.begun += 1;
                    return Some((at, input));
                }
                _ => {
                    self.given_up -= 1;
                    self.free.push(at);
                }
            }
        }
        None
    }

    /// A call is over, and its owner is among those to be woken. If there is none, what it gave is given back.
    pub(super) fn finish(&mut self, at: usize, output: thread::Result<O>) -> Option<thread::Result<O>> {
        match std::mem::replace(&mut self.slots[at], Slot::Free) {
            Slot::Running(Some(waker)) => {
                self.slots[at] = Slot::Over(output);
                self.woken.push(waker);
                None
            }
            _ => {
                self.free.push(at);
                Some(output)
            }
        }
    }
}
