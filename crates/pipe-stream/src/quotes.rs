//! Whether a quote is open where a part of a file begins.
//!
//! ```text
//! part    |  a,"b      |  c",d\n     |  e,"f""g",h  |
//! quotes  |     1      |   1         |      4       |      counted by who has read the part, in any order
//! open    0            1             0              0      the sum of all before, even or odd
//! ```
//!
//! A line feed ends a row unless it is inside quotes, and that depends on every quote before it. So each part is read and its quotes are
//! counted by the worker that has it, and only then it is asked whether their number before it is odd. Parts are handed out in their order, so
//! by then the workers of those before have mostly counted; where one has not (it was held up, or its part lies untouched in a queue), its
//! range is read here and counted again. Nobody waits for another, and nothing is lent on a guess.
//!
//! Ge et al., "Speculative Distributed CSV Data Parsing for Big Data Analytics" (SIGMOD 2019), guess from the bytes around a quote and check
//! later. That is for parts on other machines: here a count costs less than a look at what a wrong guess has lent.

use crate::count::count;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A place, and whether a quote is open there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    at: u64,
    open: bool,
}

/// What is known of the quotes of a file.
pub(crate) struct Quotes {
    quote: u8,
    shared: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Places, and whether a quote is open there.
    open: BTreeMap<u64, bool>,
    /// Ranges by their start: their end, and whether the number of quotes in them is odd.
    odd: BTreeMap<u64, (u64, bool)>,
}

/// The most that is kept of each kind, beyond the parts in flight of many workers. What is forgotten is counted again.
const KEPT: usize = 1_024;

impl Quotes {
    /// None before `begin`.
    pub(crate) fn new(quote: u8, begin: u64) -> Self {
        let shared = Shared { open: BTreeMap::from([(begin, false)]), ..Shared::default() };
        Quotes { quote, shared: Mutex::new(shared) }
    }

    /// Whether their number in `bytes` is odd.
    pub(crate) fn is_odd(&self, bytes: &[u8]) -> bool {
        count(bytes, self.quote) % 2 == 1
    }

    /// The last place up to `at` that is known; `otherwise` if that is later, or nothing is known any more.
    pub(crate) fn known(&self, at: u64, otherwise: Option<Known>) -> Option<Known> {
        let shared = self.shared();
        let known = shared.open.range(..=at).next_back().map(|(at, open)| Known { at: *at, open: *open });
        known.into_iter().chain(otherwise).max_by_key(|known| known.at)
    }

    /// The number in `range` is odd, or even: somebody has counted.
    pub(crate) fn counted(&self, range: Range<u64>, odd: bool) {
        let mut shared = self.shared();
        shared.odd.insert(range.start, (range.end, odd));
        if shared.odd.len() > KEPT {
            shared.odd.pop_first();
        }
    }

    /// Whether a quote is open at `at`. From `from` on, it is what was counted, and for the rest what `count` says of a range: whether the number
    /// in it is odd.
    pub(crate) fn open_at<E>(
        &self,
        at: u64,
        from: Known,
        mut count: impl FnMut(Range<u64>) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut known = self.known(at, Some(from)).unwrap_or(from);
        while known.at < at {
            let (end, odd) = match self.next_counted(known.at, at) {
                Ok(counted) => counted,
                Err(gap) => (gap.end, count(gap)?),
            };
            known = Known { at: end, open: known.open ^ odd };
        }
        let mut shared = self.shared();
        shared.open.insert(at, known.open);
        if shared.open.len() > KEPT {
            shared.open.pop_first();
        }
        Ok(known.open)
    }

    /// The range from `at` on that was counted; or the one, up to `most`, that was not.
    fn next_counted(&self, at: u64, most: u64) -> Result<(u64, bool), Range<u64>> {
        let shared = self.shared();
        match shared.odd.range(at..most).next() {
            Some((start, (end, odd))) if *start == at && *end <= most => Ok((*end, *odd)),
            Some((start, _)) if *start > at => Err(at..*start),
            _ => Err(at..most),
        }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::convert::Infallible;

    /// The oracle.
    fn naive(text: &[u8], range: Range<u64>) -> bool {
        text[range.start as usize..range.end as usize].iter().filter(|byte| **byte == b'"').count() % 2 == 1
    }

    #[test]
    fn what_is_open_does_not_depend_on_who_counted_what_and_when() {
        let mut rng = Rng::new(81);
        for _ in 0..300 {
            let text: Vec<u8> = (0..4_000).map(|_| b"a\"\n"[rng.below(3) as usize]).collect();
            let quotes = Quotes::new(b'"', 3);
            let begin = quotes.known(3, None).unwrap();
            // Parts in order, each with what was known when it was handed out; looked at in any order, some never.
            let (mut parts, mut at) = (Vec::new(), 3);
            while at < 4_000 {
                let end = (at + 1 + rng.below(90)).min(4_000);
                parts.push((at..end, begin));
                at = end;
            }
            for _ in 0..parts.len() {
                let (range, from) = parts.swap_remove(rng.below(parts.len() as u64) as usize);
                if rng.below(3) == 0 {
                    continue;
                }
                let odd = quotes.is_odd(&text[range.start as usize..range.end as usize]);
                quotes.counted(range.clone(), odd);
                let open = quotes.open_at(range.start, from, |gap| Ok::<_, Infallible>(naive(&text, gap)));
                assert_eq!(open, Ok(naive(&text, 3..range.start)));
            }
            let shared = quotes.shared();
            assert!(shared.open.len() <= KEPT && shared.odd.len() <= KEPT);
        }
    }

    #[test]
    fn parts_in_their_order_are_counted_once() {
        let quotes = Quotes::new(b'"', 0);
        for part in 0..10 * KEPT as u64 {
            let range = 10 * part..10 * part + 10;
            let from = quotes.known(range.start, None).unwrap();
            quotes.counted(range.clone(), part % 3 == 0);
            let open = quotes.open_at(range.start, from, Err);
            assert_eq!(open, Ok(part.div_ceil(3) % 2 == 1));
        }
        assert!(quotes.shared().odd.len() <= KEPT);
    }
}
