//! Pieces of batches that are being worked on, for whoever has nothing to do.
//!
//! A batch is aimed at 200 us of work, but may turn out heavy: its rest is then the only work that there is at the end of a run, or behind a
//! stalled head. So who has found no job for as long as that asks all loops to pause once, after their present item
//! ([`RunState::pause`]), and whoever has been at its batch for longer gives away the back half of what is left. Nobody pays for that while
//! all have work, and batches that are what they were aimed at are not cut.
//!
//! Each worker has a deque per stretch. It pushes and pops at one end: what it takes back is the lowest piece, the next one in order. Others
//! steal from the other end, where the largest are; and a piece that was stolen while others still go without is halved again before it
//! is begun.
//!
//! [`RunState::pause`]: pipe_core::plan::RunState::pause

use crate::apart::Apart;
use crate::crew::SPAN;
use crate::job::Ticket;
use crossbeam_deque::{Steal, Stealer, Worker};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// One worker's pieces of one stretch. The owner has nothing else to do in this stretch while there are any, so they are always behind
/// what it is working on there.
pub(crate) type Deque = Worker<Ticket>;

/// The other side of all deques.
pub(crate) struct Pieces {
    stretches: Vec<Stealers>,
    /// Workers that look for a job and find none.
    hungry: AtomicUsize,
    /// How many batches each worker is in: more than one if it helps in the middle of one. Written by that worker alone.
    carrying: Vec<Apart<AtomicUsize>>,
}

/// A batch on which somebody has worked for this long is heavier than it was meant to be.
pub(crate) const LONG: Duration = SPAN;

struct Stealers {
    deques: Vec<Stealer<Ticket>>,
    /// Pieces in these deques: counted before they are pushed, and no longer counted after they were taken. So zero is always true.
    offered: AtomicUsize,
}

impl Pieces {
    /// For this many workers, and the deques of each: one per stretch.
    pub(crate) fn new(stretches: usize, workers: usize) -> (Self, Vec<Vec<Deque>>) {
        let deques = |_| (0..stretches).map(|_| Deque::new_lifo()).collect::<Vec<_>>();
        let owned: Vec<_> = (0..workers).map(deques).collect();
        let stealers = |stretch: usize| Stealers {
            deques: owned.iter().map(|deques| deques[stretch].stealer()).collect(),
            offered: AtomicUsize::new(0),
        };
        let stretches = (0..stretches).map(stealers).collect();
        let carrying = std::iter::repeat_with(Apart::default).take(workers).collect();
        (Pieces { stretches, hungry: AtomicUsize::new(0), carrying }, owned)
    }

    /// A worker begins with a batch.
    pub(crate) fn enter(&self, worker: usize) {
        let carrying = &self.carrying[worker].0;
        carrying.store(carrying.load(Relaxed) + 1, Relaxed);
    }

    /// It is done with one.
    pub(crate) fn leave(&self, worker: usize) {
        let carrying = &self.carrying[worker].0;
        carrying.store(carrying.load(Relaxed) - 1, Relaxed);
    }

    /// Whether somebody is in a batch, of which it may be asked for a part. An estimate.
    pub(crate) fn are_to_be_had(&self) -> bool {
        self.carrying.iter().any(|carrying| carrying.0.load(Relaxed) > 0)
    }

    /// How many workers have nothing to do. Changed under the lock of the gates.
    pub(crate) fn set_hungry(&self, workers: usize) {
        self.hungry.store(workers, SeqCst);
    }

    /// Whether more workers have nothing to do than pieces wait for them. An estimate.
    pub(crate) fn are_wanted(&self) -> bool {
        let hungry = self.hungry.load(SeqCst);
        hungry > 0 && hungry > self.stretches.iter().map(|stretch| stretch.offered.load(Relaxed)).sum()
    }

    /// Offers a piece. Under the lock of the gates: so whoever looks there before it sleeps finds it.
    pub(crate) fn offer(&self, stretch: usize, piece: Ticket, own: &Deque) {
        self.stretches[stretch].offered.fetch_add(1, SeqCst);
        own.push(piece);
    }

    /// Takes back the lowest piece that was not stolen.
    pub(crate) fn take_back(&self, stretch: usize, own: &Deque) -> Option<Ticket> {
        self.taken(stretch, own.pop())
    }

    /// The largest piece of somebody.
    pub(crate) fn steal(&self, stretch: usize) -> Option<Ticket> {
        let stealers = &self.stretches[stretch];
        if stealers.offered.load(SeqCst) == 0 {
            return None;
        }
        loop {
            // `Retry` if it lost against another thief or the owner, at any deque.
            match stealers.deques.iter().map(Stealer::steal).collect::<Steal<_>>() {
                Steal::Success(piece) => return self.taken(stretch, Some(piece)),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    fn taken(&self, stretch: usize, piece: Option<Ticket>) -> Option<Ticket> {
        if piece.is_some() {
            self.stretches[stretch].offered.fetch_sub(1, SeqCst);
        }
        piece
    }
}
