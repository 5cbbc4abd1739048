//! Lines of four numbers below a million, with commas.

use super::{Generator, push_decimal};
use crate::rng::Rng;
use crate::tasks::number_lines::mixed;

pub(crate) struct NumberLines;

/// The sum of a part in which the place of each line counts, and what those before it are multiplied with.
pub(crate) struct Known {
    sum: u64,
    shift: u64,
}

impl Default for Known {
    fn default() -> Self {
        Self { sum: 0, shift: 1 }
    }
}

impl Known {
    /// Takes what is known of what follows; as [`Ordered`](crate::tasks::costed::Ordered) takes one value after the other.
    fn follow(&mut self, next: Known) {
        self.sum = self.sum.wrapping_mul(next.shift).wrapping_add(next.sum);
        self.shift = self.shift.wrapping_mul(next.shift);
    }
}

impl Generator for NumberLines {
    type Known = Known;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Known {
        let mut known = Known::default();
        for _ in 0..rows {
            let numbers = [(); 4].map(|()| rng.below(1_000_000));
            for (number, end) in numbers.iter().zip(*b",,,\n") {
                push_decimal(text, *number);
                text.push(end);
            }
            known.follow(Known { sum: mixed(numbers), shift: 31 });
        }
        known
    }

    fn merge(&self, all: &mut Known, block: Known) {
        all.follow(block);
    }

    fn answer(&self, known: &Known) -> String {
        format!("{:016x}", known.sum)
    }
}
