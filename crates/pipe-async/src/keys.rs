//! How many operations of one key may be in flight: who waits for its key.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// Keys in use, and what waits for one. `T`: an item, with all that its operation needs.
pub(crate) struct Keys<T> {
    /// Only keys with something in flight are here, so memory follows what is under way.
    keys: HashMap<u64, Key<T>>,
    most: usize,
    waiting: usize,
    /// May start: their place is taken already.
    ready: VecDeque<T>,
}

struct Key<T> {
    in_flight: usize,
    waiting: VecDeque<T>,
}

impl<T> Keys<T> {
    /// At most `most` in flight for each key, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Keys { keys: HashMap::new(), most, waiting: 0, ready: VecDeque::new() }
    }

    /// How many wait for their key, or have it and did not start.
    pub(crate) fn len(&self) -> usize {
        self.waiting + self.ready.len()
    }

    /// Takes a place of `key` for this one, which comes back and may start; or keeps it until there is a place.
    pub(crate) fn enter(&mut self, key: u64, item: T) -> Option<T> {
        let key = self.keys.entry(key).or_insert_with(|| Key { in_flight: 0, waiting: VecDeque::new() });
        if key.in_flight < self.most {
            key.in_flight += 1;
            return Some(item);
        }
        key.waiting.push_back(item);
        self.waiting += 1;
        None
    }

    /// Gives a place of `key` back; to the one that has waited for it longest.
    pub(crate) fn leave(&mut self, key: u64) {
        let Entry::Occupied(mut entry) = self.keys.entry(key) else { return };
        let key = entry.get_mut();
        if let Some(next) = key.waiting.pop_front() {
            self.waiting -= 1;
            self.ready.push_back(next);
            return;
        }
        key.in_flight -= 1;
        if key.in_flight == 0 {
            entry.remove();
        }
    }

    /// One that waited and may start.
    pub(crate) fn next_ready(&mut self) -> Option<T> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_in_flight_and_others_wait_in_their_order() {
        let mut keys = Keys::new(2);
        assert_eq!(
            [keys.enter(7, 'a'), keys.enter(7, 'b'), keys.enter(7, 'c')],
            [Some('a'), Some('b'), None]
        );
        assert_eq!([keys.enter(8, 'd'), keys.enter(7, 'e')], [Some('d'), None]);
        assert_eq!((keys.len(), keys.next_ready()), (2, None));
        keys.leave(7);
        assert_eq!((keys.next_ready(), keys.next_ready()), (Some('c'), None));
        assert_eq!((keys.enter(7, 'f'), keys.len()), (None, 2));
        for expected in [Some('e'), Some('f'), None, None] {
            keys.leave(7);
            assert_eq!(keys.next_ready(), expected);
        }
        keys.leave(8);
        assert!(keys.keys.is_empty() && keys.len() == 0);
    }
}
