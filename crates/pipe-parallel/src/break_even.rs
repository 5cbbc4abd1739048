//! Whether other threads would pay. Measured on the first batches, which the calling thread runs alone.

use std::time::Duration;

/// What the calling thread measured while it was alone.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    items: u64,
    /// In the source, which one worker at a time may use.
    source: Duration,
    /// In the chain, which all workers share.
    chain: Duration,
    /// In the sink, again one at a time.
    sink: Duration,
}

/// What a trial says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Not measured long enough.
    Unknown,
    /// Other threads pay.
    Spread,
    /// They do not.
    Stay,
}

/// Long enough for the batches to have grown and the caches to be warm, and about what starting and waking a thread costs.
pub(crate) const TRIAL: Duration = Duration::from_micros(100);

/// What moving an item between cores costs, in its source and its sink part each: measured on batches of 8-byte items.
const MOVE_NS: f64 = 0.5;

/// Threads have to save a fifth of the time, or they are not worth their CPU.
const GAIN: f64 = 0.8;

impl Trial {
    pub(crate) fn add(&mut self, items: u64, source: Duration, chain: Duration, sink: Duration) {
        self.items += items;
        self.source += source;
        self.chain += chain;
        self.sink += sink;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Nanoseconds that one item spends in the chain.
    pub(crate) fn chain_ns(&self) -> f64 {
        self.chain.as_nanos() as f64 / self.items.max(1) as f64
    }

    pub(crate) fn verdict(&self, workers: usize) -> Verdict {
        let alone = self.source + self.chain + self.sink;
        if alone < TRIAL {
            return Verdict::Unknown;
        }
        let per_item = |span: Duration| span.as_nanos() as f64 / self.items.max(1) as f64;
        let shared = per_item(alone) / workers as f64;
        // With workers enough, the slowest of the serial parts is the limit (Amdahl), and each now includes a move.
        let serial = per_item(self.source).max(per_item(self.sink));
        let together = shared.max(serial) + MOVE_NS;
        if together < GAIN * per_item(alone) { Verdict::Spread } else { Verdict::Stay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(source: u64, chain: u64, sink: u64, items: u64, workers: usize) -> Verdict {
        let mut trial = Trial::default();
        let span = |ns_per_item: u64| Duration::from_nanos(ns_per_item * items);
        trial.add(items, span(source), span(chain), span(sink));
        trial.verdict(workers)
    }

    #[test]
    fn heavy_chains_spread_and_serial_ones_stay() {
        assert_eq!(verdict(1, 5, 1, 100_000, 2), Verdict::Spread);
        assert_eq!(verdict(2, 0, 1, 100_000, 2), Verdict::Stay);
        assert_eq!(verdict(100, 1, 1, 100_000, 8), Verdict::Stay);
        assert_eq!(verdict(1, 1_000, 1, 1_000, 1), Verdict::Stay);
        assert_eq!(verdict(1, 10, 1, 10, 8), Verdict::Unknown);
        assert_eq!(Trial::default().verdict(8), Verdict::Unknown);
    }
}
