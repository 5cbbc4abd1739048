//! Places in the order of a stretch, and from where on they are not wanted any more.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A place in the order of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// A batch, or a piece that was cut off one.
    Ticket(Key),
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

/// Where a batch, or a piece of one, begins in the order of its stretch.
///
/// The high bits are the ticket: these count the batches, without gaps. The low ones are zero for a batch that was not cut, and order its
/// pieces if it was. 48 bits of tickets last for nine years at one per microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    /// How often a batch can be halved, and then each of its halves.
    const DEPTH: u32 = 16;

    pub(crate) const FIRST: Key = Key(0);
    pub(crate) const NEVER: Key = Key(u64::MAX);

    /// The beginning of a ticket.
    pub(crate) fn of(ticket: u64) -> Self {
        Key(ticket << Self::DEPTH)
    }

    pub(crate) fn ticket(self) -> u64 {
        self.0 >> Self::DEPTH
    }

    /// The lowest one behind the piece that begins here, as long as nothing is cut off that any more.
    pub(crate) fn next(self) -> Self {
        Key(self.0 + 1)
    }

    /// How many tickets begin before this.
    pub(crate) fn tickets_before(self) -> u64 {
        self.0.div_ceil(1 << Self::DEPTH)
    }
}

/// What a batch, or a piece of one, covers of the order of its stretch. Where it is cut, its two pieces share that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) key: Key,
    end: Key,
}

impl Span {
    pub(crate) fn of(ticket: u64) -> Self {
        Span { key: Key::of(ticket), end: Key::of(ticket + 1) }
    }

    /// Whether it was cut off a batch.
    pub(crate) fn is_piece(self) -> bool {
        self.key != Key::of(self.key.ticket())
    }

    /// The front and the back half. `None`: it was cut often enough.
    pub(crate) fn halves(self) -> Option<(Span, Span)> {
        let middle = Key(self.key.0.midpoint(self.end.0));
        let halves = (Span { end: middle, ..self }, Span { key: middle, ..self });
        (middle > self.key).then_some(halves)
    }
}

/// From where on the seats of a stretch are not wanted any more.
///
/// Written under the lock of the gates, read without it. Relaxed: it publishes nothing, and who misses a change sees it a slice later,
/// or under the lock.
#[derive(Debug)]
pub(crate) struct Bar {
    /// A key. Only lowered.
    tickets: AtomicU64,
    /// Lowered when the run fails, lifted if it turns out that it ended well before that.
    finish: AtomicUsize,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Bar { tickets: AtomicU64::new(Key::NEVER.0), finish: AtomicUsize::new(usize::MAX) }
    }

    pub(crate) fn is_closed(&self, seat: Seat) -> bool {
        match seat {
            Seat::Ticket(key) => key >= Key(self.tickets.load(Relaxed)),
            Seat::Finish(rank) => rank >= self.finish.load(Relaxed),
        }
    }

    pub(crate) fn close_tickets(&self, from: Key) {
        self.tickets.fetch_min(from.0, Relaxed);
    }

    pub(crate) fn close_finish(&self, from: usize) {
        self.finish.fetch_min(from, Relaxed);
    }

    pub(crate) fn reopen_finish(&self) {
        self.finish.store(usize::MAX, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_ordered_within_their_ticket_however_they_are_cut() {
        let mut pieces = vec![Span::of(7)];
        for at in [0, 0, 1, 3, 2, 0, 5] {
            let (front, back) = pieces[at].halves().unwrap();
            pieces.splice(at..=at, [front, back]);
        }
        assert!(pieces.windows(2).all(|two| two[0].end == two[1].key && two[0].key < two[1].key));
        assert!(pieces.iter().all(|piece| piece.key.ticket() == 7 && piece.key.next() <= piece.end));
        assert_eq!(pieces.last().unwrap().end, Key::of(8));
    }

    #[test]
    fn a_batch_is_not_cut_for_ever() {
        let mut front = Span::of(3);
        let cuts = std::iter::from_fn(|| front.halves().map(|halves| front = halves.0)).count();
        assert_eq!((cuts as u32, front.key), (Key::DEPTH, Key::of(3)));
    }

    #[test]
    fn a_bar_within_a_ticket_closes_the_pieces_behind_it() {
        let (bar, (front, back)) = (Bar::new(), Span::of(3).halves().unwrap());
        assert!(!bar.is_closed(Seat::Ticket(Key::of(u64::from(u32::MAX)))));
        bar.close_tickets(front.key.next());
        assert!(!bar.is_closed(Seat::Ticket(front.key)) && bar.is_closed(Seat::Ticket(back.key)));
        assert_eq!(
            [front.key.tickets_before(), back.key.tickets_before(), Key::FIRST.next().tickets_before()],
            [3, 4, 1]
        );
    }
}
