//! Values by ticket, where tickets mostly come and go in their order.

use std::collections::VecDeque;

/// A map of tickets that is a queue: who comes is nearly always the last, who goes one of the first. There both cost a few instructions,
/// where a tree costs a hundred; anywhere else what is on the shorter side moves.
pub(crate) struct Tickets<V> {
    /// By ticket, the lowest first.
    entries: VecDeque<(u64, V)>,
}

impl<V> Tickets<V> {
    pub(crate) fn new() -> Self {
        Tickets { entries: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The lowest ticket.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(|(ticket, _)| *ticket)
    }

    pub(crate) fn pop_first(&mut self) -> Option<(u64, V)> {
        self.entries.pop_front()
    }

    /// Returns what this ticket had before.
    pub(crate) fn insert(&mut self, ticket: u64, value: V) -> Option<V> {
        if self.entries.back().is_none_or(|(last, _)| *last < ticket) {
            self.entries.push_back((ticket, value));
            return None;
        }
        match self.find(ticket) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at].1, value)),
            Err(at) => {
                self.entries.insert(at, (ticket, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, ticket: u64) -> Option<V> {
        let at = if self.first() == Some(ticket) { 0 } else { self.find(ticket).ok()? };
        self.entries.remove(at).map(|(_, value)| value)
    }

    fn find(&self, ticket: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&ticket, |(ticket, _)| *ticket)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::collections::BTreeMap;

    #[test]
    fn whatever_comes_and_goes_it_is_a_map_in_the_order_of_the_tickets() {
        let (mut tickets, mut map, mut rng) = (Tickets::new(), BTreeMap::new(), Rng::new(7));
        for step in 0..10_000u64 {
            let ticket = step.saturating_sub(rng.below(20));
            match rng.below(5) {
                0 | 1 => assert_eq!(tickets.insert(ticket, step), map.insert(ticket, step)),
                2 | 3 => assert_eq!(tickets.remove(ticket), map.remove(&ticket)),
                _ => assert_eq!(tickets.pop_first(), map.pop_first()),
            }
            assert_eq!((tickets.len(), tickets.first()), (map.len(), map.keys().next().copied()));
        }
    }
}
