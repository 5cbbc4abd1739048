//! How large batches are: those that are pulled, in bytes, and those that a gate emits.
//!
//! A pull is sized by the worker's pace. What a gate emits has the size of its buffers: 8,192 items that a `scan` made in 100 us may be
//! seconds of work for the row behind it. So it is split before it gets its tickets, by what a byte was measured to cost in that row.

use pipe_core::plan::BoxBatch;
use pipe_core::{Pace, Want};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub(crate) struct Splits {
    /// Nanoseconds per byte in the row of each stretch, as the bits of an `f64`; zero while it is not known. Relaxed, and written by all
    /// workers: an estimate that got lost is made again.
    costs: Vec<AtomicU64>,
    workers: usize,
}

/// How much of a new measurement goes into the estimate.
const NEW: f64 = 0.25;

impl Splits {
    pub(crate) fn new(stretches: usize, workers: usize) -> Self {
        Splits { costs: (0..stretches).map(|_| AtomicU64::new(0)).collect(), workers }
    }

    /// How many bytes a pull asks for: half of the limit is for inputs, one batch per worker; the other half for outputs that wait.
    pub(crate) fn want_bytes(&self, limit: usize) -> usize {
        (limit / self.workers.saturating_mul(2)).clamp(1, Want::MOST.bytes)
    }

    /// Learns what a batch of a stretch cost in its row.
    pub(crate) fn learn(&self, stretch: usize, bytes: usize, took: Duration) {
        if bytes == 0 {
            return;
        }
        let cost = &self.costs[stretch];
        let (known, new) = (f64::from_bits(cost.load(Relaxed)), took.as_nanos() as f64 / bytes as f64);
        let learnt = if known == 0.0 { new } else { known + NEW * (new - known) };
        cost.store(learnt.to_bits(), Relaxed);
    }

    /// The batch as pieces for the row of a stretch, in order.
    pub(crate) fn pieces(&self, stretch: usize, batch: BoxBatch) -> Pieces {
        let cost = f64::from_bits(self.costs[stretch].load(Relaxed));
        // Twice the aim: so most batches are not cut, and those that are have between half of the aim and all of it.
        let most = if cost > 0.0 && self.workers > 1 {
            2.0 * Pace::BATCH.as_nanos() as f64 / cost
        } else {
            f64::MAX
        };
        Pieces { rest: vec![batch], most }
    }
}

/// A batch, cut when its pieces are asked for.
pub(crate) struct Pieces {
    /// The front is the last one.
    rest: Vec<BoxBatch>,
    most: f64,
}

impl Iterator for Pieces {
    type Item = BoxBatch;

    fn next(&mut self) -> Option<BoxBatch> {
        let mut front = self.rest.pop()?;
        while front.bytes() as f64 > self.most
            && let Some(back) = front.split()
        {
            self.rest.push(back);
        }
        Some(front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::Items;

    fn sizes(splits: &Splits) -> Vec<usize> {
        let batch = Box::new(Items::new(0, (0..1_000u64).collect()));
        let len = |mut piece: BoxBatch| piece.as_any().downcast_mut::<Items<u64>>().unwrap().len();
        splits.pieces(1, batch).map(len).collect()
    }

    #[test]
    fn batches_are_cut_to_what_fits_into_the_aim() {
        let splits = Splits::new(2, 2);
        assert_eq!(sizes(&splits), [1_000], "nothing is known");
        splits.learn(1, 8, Duration::from_micros(1));
        // 125 ns a byte: 200 us are 1,600 bytes, 200 items.
        assert_eq!(sizes(&splits), [125; 8]);
        (0..100).for_each(|_| splits.learn(1, 8, Duration::from_secs(1)));
        assert_eq!(sizes(&splits), [1; 1_000]);
        splits.learn(1, 0, Duration::from_secs(1));
        assert_eq!(sizes(&Splits::new(2, 1)), [1_000]);
    }

    #[test]
    fn pieces_come_in_order() {
        let splits = Splits::new(2, 2);
        splits.learn(1, 8, Duration::from_micros(7));
        let batch = Box::new(Items::new(0, (0..1_000u64).collect()));
        let items = |mut piece: BoxBatch| {
            let items = piece.as_any().downcast_mut::<Items<u64>>().unwrap();
            std::iter::from_fn(|| items.next()).collect::<Vec<_>>()
        };
        assert!(splits.pieces(1, batch).flat_map(items).eq(0..1_000));
    }
}
