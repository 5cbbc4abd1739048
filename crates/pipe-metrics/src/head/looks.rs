//! When the head has seen enough: looks at what was measured so far, and how much items differ.

use super::meter::Measured;
use pipe_core::Pace;
use std::time::Duration;

/// What was measured up to each look. The first one is of cold caches and files that were opened: it tells less than the others.
pub(super) struct Looks {
    /// The first is from before the head.
    all: Vec<Measured>,
    /// What was said of the last one.
    said: Option<usize>,
    is_clear: bool,
}

/// From one look to the next, and half of what there was so far: each reads a file of the system, some 5 us.
const LOOK: Duration = Duration::from_micros(100);

impl Looks {
    pub(super) fn new(before: Measured) -> Self {
        Looks { all: vec![before], said: None, is_clear: false }
    }

    fn last(&self) -> &Measured {
        self.all.last().expect("there is one from the start")
    }

    pub(super) fn is_time(&self, elapsed: Duration) -> bool {
        let last = self.last().elapsed;
        elapsed.saturating_sub(last) >= LOOK.max(last / 2)
    }

    /// Whether of this look and of the one before the same is said.
    pub(super) fn is_clear(&mut self, so_far: Measured, judge: impl Fn(&Measured) -> Option<usize>) -> bool {
        let said = judge(&so_far.since(self.last()));
        self.is_clear = said.is_some() && said == self.said;
        self.said = said;
        self.all.push(so_far);
        self.is_clear
    }

    /// Of the two that agree, or of all but the first.
    pub(super) fn measured(&self) -> Measured {
        let from = match self.all.len() {
            looks if self.is_clear => looks - 3,
            2 => 0,
            _ => 1,
        };
        self.last().since(&self.all[from])
    }
}

/// What an item takes, from batch to batch. Of short batches nothing is learned: each has costs of its own.
#[derive(Default)]
pub(super) struct Rates {
    batches: f64,
    sum: f64,
    squares: f64,
}

impl Rates {
    pub(super) fn learn(&mut self, items: u64, elapsed: Duration) {
        if elapsed * 2 < Pace::BATCH {
            return;
        }
        let each = elapsed.as_secs_f64() / items.max(1) as f64;
        (self.batches, self.sum, self.squares) =
            (self.batches + 1.0, self.sum + each, self.squares + each * each);
    }

    /// The spread over the mean.
    pub(super) fn variation(&self) -> f64 {
        let mean = self.sum / self.batches.max(1.0);
        let variance = self.squares / self.batches.max(1.0) - mean * mean;
        if mean > 0.0 { variance.max(0.0).sqrt() / mean } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Cost;
    use pipe_core::{Part, SegmentKind};

    const LOOKED: Duration = Duration::from_micros(150);

    /// This many looks later, this many items were taken.
    fn so_far(looks: u32, items: u64) -> Measured {
        let (part, kind) = (Part::Segment(0), SegmentKind::Parallel);
        let (busy, computed) = (LOOKED * looks, LOOKED * looks);
        let source = Cost { part: Part::Source, kind: SegmentKind::Serial, busy, computed, items: 0 };
        let parts = vec![source, Cost { part, kind, busy, computed, items }];
        Measured { parts, elapsed: LOOKED * looks, ..Measured::default() }
    }

    /// After looks that took this many items each, of which `judge` says what: which of them decided, and how many items are in what was measured.
    fn looks(items: &[u64], judge: impl Fn(u64) -> Option<usize>) -> (Option<usize>, u64) {
        let mut looks = Looks::new(so_far(0, 0));
        let (mut all, mut decided) = (0, None);
        for (at, items) in items.iter().enumerate() {
            all += items;
            if looks.is_clear(so_far(at as u32 + 1, all), |measured| judge(measured.items())) {
                decided = Some(at);
                break;
            }
        }
        (decided, looks.measured().items())
    }

    #[test]
    fn two_looks_in_a_row_that_say_the_same_are_clear_and_are_what_was_measured() {
        assert_eq!(looks(&[1, 10, 20, 20, 70], |items| (items >= 10).then_some(2)), (Some(2), 30));
        assert_eq!(looks(&[9, 8, 9, 9, 7], |items| Some(items as usize)), (Some(3), 18));
    }

    #[test]
    fn where_nothing_is_clear_all_but_the_first_look_count() {
        assert_eq!(looks(&[1, 10, 20], |_| None), (None, 30));
        assert_eq!(looks(&[1, 10, 20, 10], |items| Some(items as usize)), (None, 40));
        assert_eq!(looks(&[5], |_| Some(0)), (None, 5));
    }

    #[test]
    fn looks_come_less_and_less_often() {
        let mut looks = Looks::new(so_far(0, 0));
        let mut at = Vec::new();
        for tick in 1..=60 {
            if looks.is_time(so_far(tick, 0).elapsed) {
                at.push(tick);
                let _ = looks.is_clear(so_far(tick, 1), |_| None);
            }
        }
        assert_eq!(at, [1, 2, 3, 5, 8, 12, 18, 27, 41]);
    }
}
