//! What came of items, in the order in which it may go on.

use pipe_core::Order;
use std::collections::VecDeque;

/// Keeps outcomes until their turn: that of their items, or at once.
pub(crate) enum Window<T> {
    /// One place for each item that was let in and has not left, in their order; the first is number `head`.
    Ordered { head: u64, places: VecDeque<Option<T>> },
    /// As they come, and how many have not come yet.
    Any { missing: usize, come: VecDeque<T> },
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

    /// Lets an item in. Returns its number.
    #[inline]
    pub(crate) fn enter(&mut self) -> u64 {
        match self {
            Window::Ordered { head, places } => {
                places.push_back(None);
                *head + places.len() as u64 - 1
            }
            Window::Any { missing, .. } => {
                *missing += 1;
                0
            }
        }
    }

    /// Whether it is the turn of item `number`, of which nothing came yet. Then it has left with this.
    #[inline]
    pub(crate) fn passes(&mut self, number: u64) -> bool {
        match self {
            Window::Ordered { head, places } => {
                if number != *head {
                    return false;
                }
                places.pop_front();
                *head += 1;
            }
            Window::Any { missing, .. } => *missing -= 1,
        }
        true
    }

    /// What came of item `number`.
    pub(crate) fn settle(&mut self, number: u64, outcome: T) {
        match self {
            Window::Ordered { head, places } => {
                // It has not left, so it is in the window, which is far smaller than the address space.
                places[(number - *head) as usize] = Some(outcome);
            }
            Window::Any { missing, come } => {
                *missing -= 1;
                come.push_back(outcome);
            }
        }
    }

    /// The next outcome whose turn it is.
    pub(crate) fn leave(&mut self) -> Option<T> {
        match self {
            Window::Ordered { head, places } => {
                let outcome = places.front_mut()?.take()?;
                places.pop_front();
                *head += 1;
                Some(outcome)
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
        let numbers: Vec<u64> = (0..4).map(|_| window.enter()).collect();
        for (at, number) in [2, 0, 1, 3].into_iter().map(|at| (at, numbers[at as usize])) {
            window.settle(number, at);
            left.extend(std::iter::from_fn(|| window.leave()));
        }
        assert_eq!(window.len(), 0);
        left
    }

    #[test]
    fn an_item_passes_when_all_before_it_have_left() {
        let mut window = Window::new(Order::Preserve);
        let numbers = [window.enter(), window.enter(), window.enter()];
        assert!(!window.passes(numbers[1]));
        window.settle(numbers[1], 'b');
        assert_eq!(window.leave(), None);
        assert!(window.passes(numbers[0]));
        assert_eq!((window.leave(), window.leave()), (Some('b'), None));
        assert!(window.passes(numbers[2]));
        assert_eq!(window.len(), 0);
        let mut any = Window::<char>::new(Order::Any);
        let numbers = [any.enter(), any.enter()];
        assert!(any.passes(numbers[1]) && any.passes(numbers[0]));
        assert_eq!(any.len(), 0);
    }

    #[test]
    fn outcomes_leave_in_the_order_of_their_items_or_as_they_come() {
        assert_eq!(order_of(Order::Preserve), [0, 1, 2, 3]);
        assert_eq!(order_of(Order::Any), [2, 0, 1, 3]);
    }
}
