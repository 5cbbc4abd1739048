//! Places in the order of a stretch, and from where on they are not wanted any more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A place in the order of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// A batch: tickets count them, without gaps.
    Ticket(u64),
    /// Behind all tickets: what the stages of a worker emit when they finish. Workers are ranked by their index.
    Finish(usize),
}

impl Seat {
    /// Behind all workers: the serial nodes finish.
    pub(crate) const GATE: Seat = Seat::Finish(usize::MAX - 1);
}

/// A place in the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stretch: usize,
    pub(crate) seat: Seat,
}

/// From where on the seats of a stretch are not wanted any more.
///
/// Written under the lock of the gates, read without it. Relaxed: it publishes nothing, and who misses a change sees it a slice later,
/// or under the lock.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Only lowered.
    tickets: AtomicU64,
    /// Lowered when the run fails, lifted if it turns out that it ended well before that.
    finish: AtomicUsize,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Bar { tickets: AtomicU64::new(u64::MAX), finish: AtomicUsize::new(usize::MAX) }
    }

    pub(crate) fn is_closed(&self, seat: Seat) -> bool {
        match seat {
            Seat::Ticket(ticket) => ticket >= self.tickets.load(Relaxed),
            Seat::Finish(rank) => rank >= self.finish.load(Relaxed),
        }
    }

    pub(crate) fn close_tickets(&self, from: u64) {
        self.tickets.fetch_min(from, Relaxed);
    }

    pub(crate) fn close_finish(&self, from: usize) {
        self.finish.fetch_min(from, Relaxed);
    }

    pub(crate) fn reopen_finish(&self) {
        self.finish.store(usize::MAX, Relaxed);
    }
}
