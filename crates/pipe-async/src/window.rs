//! What came of items, in the order in which it may go on.

use pipe_core::Order;
use std::collections::VecDeque;

/// Keeps outcomes until their turn: that of their items, or at once.
pub(crate) enum Window<T> {
    /// One place for each item that was let in and has not left, in their order; the first is number `head`. They are known by their numbers.
    Ordered { head: u64, places: VecDeque<Place<T>> },
    /// As they come, and how many have not come yet. Items are known by their positions.
    Any { missing: usize, come: VecDeque<(u64, T)> },
}

/// Where an item was in the source, and what came of it.
pub(crate) struct Place<T> {
    at: u64,
    outcome: Option<T>,
}

impl<T> Window<T> {
    pub(crate) fn new(order: Order) -> Self {
        match order {
            Order::Preserve => Window::Ordered { head: 0, places: VecDeque::new() },
            Order::Any => Window::Any { missing: 0, come: VecDeque::new() },
        }
    }

    /// How many items were let in and have not left.
    pub(crate) fn len(&self) -> usize {
        match self {
            Window::Ordered { places, .. } => places.len(),
            Window::Any { missing, come } => missing + come.len(),
        }
    }

    /// The bytes of one place, which an item has from when it is let in until it leaves: none, where there is no order.
    pub(crate) fn place_bytes(&self) -> usize {
        match self {
            Window::Ordered { .. } => size_of::<Place<T>>(),
            Window::Any { .. } => 0,
        }
    }

    /// Lets in an item that was at this position. Returns the mark that it is known by.
    #[inline]
    pub(crate) fn enter(&mut self, at: u64) -> u64 {
        match self {
            Window::Ordered { head, places } => {
                places.push_back(Place { at, outcome: None });
                *head + places.len() as u64 - 1
            }
            Window::Any { missing, .. } => {
                *missing += 1;
                at
            }
        }
    }

    /// Whether an item may go by without being let in: it would leave at once.
    #[inline(always)]
    pub(crate) fn lets_by(&self) -> bool {
        match self {
            Window::Ordered { places, .. } => places.is_empty(),
            Window::Any { .. } => true,
        }
    }

    /// If it is the turn of the item with this mark, of which nothing came yet: its position. Then it has left with this.
    #[inline(always)]
    pub(crate) fn pass(&mut self, mark: u64) -> Option<u64> {
        match self {
            Window::Ordered { head, places } => {
                let first = if mark == *head { places.pop_front() } else { None }?;
                *head += 1;
                Some(first.at)
            }
            Window::Any { missing, .. } => {
                *missing -= 1;
                Some(mark)
            }
        }
    }

    /// What came of the item with this mark.
    pub(crate) fn settle(&mut self, mark: u64, outcome: T) {
        match self {
            Window::Ordered { head, places } => {
                // It has not left, so it is in the window, which is far smaller than the address space.
                places[(mark - *head) as usize].outcome = Some(outcome);
            }
            Window::Any { missing, come } => {
                *missing -= 1;
                come.push_back((mark, outcome));
            }
        }
    }

    /// The next outcome whose turn it is, and the position of its item.
    pub(crate) fn leave(&mut self) -> Option<(u64, T)> {
        match self {
            Window::Ordered { head, places } => {
                let first = places.front_mut()?;
                let left = (first.at, first.outcome.take()?);
                places.pop_front();
                *head += 1;
                Some(left)
            }
            Window::Any { come, .. } => come.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(order: Order) -> Vec<u64> {
        let mut window = Window::new(order);
        let mut left = Vec::new();
        let marks: Vec<u64> = (0..4).map(|n| window.enter(10 * n)).collect();
        for (n, mark) in [2, 0, 1, 3].into_iter().map(|n| (n, marks[n as usize])) {
            window.settle(mark, n);
            let left_now = std::iter::from_fn(|| window.leave());
            left.extend(left_now.map(|(at, n)| if at == 10 * n { n } else { panic!("{n} was at {at}") }));
        }
        assert_eq!(window.len(), 0);
        left
    }

    #[test]
    fn an_item_passes_when_all_before_it_have_left() {
        let mut window = Window::new(Order::Preserve);
        let marks = [window.enter(7), window.enter(8), window.enter(9)];
        assert_eq!(window.pass(marks[1]), None);
        window.settle(marks[1], 'b');
        assert_eq!(window.leave(), None);
        assert_eq!(window.pass(marks[0]), Some(7));
        assert_eq!((window.leave(), window.leave()), (Some((8, 'b')), None));
        assert_eq!(window.pass(marks[2]), Some(9));
        assert_eq!(window.len(), 0);
        let mut any = Window::<char>::new(Order::Any);
        let marks = [any.enter(7), any.enter(8)];
        assert_eq!((any.pass(marks[1]), any.pass(marks[0])), (Some(8), Some(7)));
        assert_eq!(any.len(), 0);
    }

    #[test]
    fn outcomes_leave_in_the_order_of_their_items_or_as_they_come() {
        assert_eq!(order_of(Order::Preserve), [0, 1, 2, 3]);
        assert_eq!(order_of(Order::Any), [2, 0, 1, 3]);
    }
}
