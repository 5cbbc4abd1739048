//! By when operations must be over: all are given the same span, so they come to be due in the order in which they were started.
//!
//! A list through the places of a slab: to put one behind the last, to take one out of the middle and to look at the first are a few
//! instructions each, and nothing is allocated in the long run.

use std::time::Duration;

/// The operations of a stage with a timeout, the earliest first.
pub(crate) struct Deadlines {
    links: Vec<Link>,
    first: usize,
    last: usize,
}

struct Link {
    /// `None`: it is not in the list.
    at: Option<Duration>,
    before: usize,
    after: usize,
}

/// The end of the list.
const NONE: usize = usize::MAX;

impl Deadlines {
    pub(crate) fn new() -> Self {
        Deadlines { links: Vec::new(), first: NONE, last: NONE }
    }

    /// Puts the operation at `place`, which is not in the list, behind all others; it is due no earlier than they are.
    pub(crate) fn push(&mut self, place: usize, at: Duration) {
        if place >= self.links.len() {
            self.links.resize_with(place + 1, || Link { at: None, before: NONE, after: NONE });
        }
        debug_assert!(
            self.links[place].at.is_none()
                && self.links.get(self.last).is_none_or(|last| last.at <= Some(at))
        );
        self.links[place] = Link { at: Some(at), before: self.last, after: NONE };
        match self.links.get_mut(self.last) {
            Some(last) => last.after = place,
            None => self.first = place,
        }
        self.last = place;
    }

    /// Takes the operation at `place` out of the list, if it is in it.
    pub(crate) fn remove(&mut self, place: usize) {
        let Some(link) = self.links.get_mut(place) else { return };
        if link.at.take().is_none() {
            return;
        }
        let (before, after) = (link.before, link.after);
        match self.links.get_mut(before) {
            Some(link) => link.after = after,
            None => self.first = after,
        }
        match self.links.get_mut(after) {
            Some(link) => link.before = before,
            None => self.last = before,
        }
    }

    /// When the first is due.
    pub(crate) fn first(&self) -> Option<Duration> {
        self.links.get(self.first)?.at
    }

    /// Takes the first out of the list, if it is due, and says its place.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<usize> {
        let place = self.first;
        self.first().filter(|at| *at <= now)?;
        self.remove(place);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn what_is_due_comes_in_order_and_what_was_taken_out_never() {
        let (mut rng, mut list, mut naive) = (Rng::new(3), Deadlines::new(), Vec::<(Duration, usize)>::new());
        let mut now = Duration::ZERO;
        for _ in 0..20_000 {
            let place = rng.below(50) as usize;
            if naive.iter().any(|(_, other)| *other == place) {
                list.remove(place);
                naive.retain(|(_, other)| *other != place);
            } else {
                list.remove(place);
                list.push(place, now + Duration::from_millis(30));
                naive.push((now + Duration::from_millis(30), place));
            }
            if rng.below(3) == 0 {
                now += Duration::from_millis(rng.below(4));
                while let Some(place) = list.pop_due(now) {
                    assert_eq!((naive[0].0 <= now, naive.remove(0).1), (true, place));
                }
            }
            assert_eq!(list.first(), naive.first().map(|(at, _)| *at));
            assert!(list.first().is_none_or(|at| at > now));
        }
        assert!(list.links.len() <= 50);
    }
}
