//! Whether other threads would pay. Measured on the first batches, which the calling thread runs alone.

use crate::meter::Account;
use std::time::Duration;

/// What the calling thread measured while it was alone.
#[derive(Debug)]
pub(crate) struct Trial {
    items: u64,
    /// In the source, which one worker at a time may use.
    source: Duration,
    /// In the rows, which all workers share.
    rows: Duration,
    /// In each gate, again one at a time.
    gates: Vec<Duration>,
    /// The most that was added to the rows between two counts: for one batch.
    longest: Duration,
    /// That of the rows at the last count.
    counted: Duration,
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
    /// Of a plan with this many stretches.
    pub(crate) fn new(stretches: usize) -> Self {
        let gates = vec![Duration::ZERO; stretches];
        let zero = Duration::ZERO;
        Trial { items: 0, source: zero, rows: zero, gates, longest: zero, counted: zero }
    }

    /// Begins the next one, and returns what was measured.
    pub(crate) fn restart(&mut self) -> Trial {
        let next = Trial::new(self.gates.len());
        std::mem::replace(self, next)
    }

    /// Counts items that were pulled, when their batch has been worked on.
    pub(crate) fn count(&mut self, items: u64) {
        self.items += items;
        self.note_batch(self.rows.saturating_sub(self.counted));
        self.counted = self.rows;
    }

    /// Notes how long a batch took.
    pub(crate) fn note_batch(&mut self, span: Duration) {
        self.longest = self.longest.max(span);
    }

    pub(crate) fn add(&mut self, account: Account, span: Duration) {
        *match account {
            Account::Source => &mut self.source,
            Account::Rows => &mut self.rows,
            Account::Gate(stretch) => &mut self.gates[stretch],
        } += span;
    }

    /// Nanoseconds that one item spends where all workers could work.
    pub(crate) fn rows_ns(&self) -> f64 {
        self.per_item(self.rows)
    }

    pub(crate) fn source(&self) -> Duration {
        self.source
    }

    /// Of the batches, the one that took longest.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// Everything that the calling thread did.
    pub(crate) fn all(&self) -> Duration {
        self.source + self.rows + self.gates.iter().sum::<Duration>()
    }

    /// The slowest of the parts that one worker at a time may run.
    pub(crate) fn slowest(&self) -> (Account, Duration) {
        let gates = self.gates.iter().enumerate().map(|(gate, span)| (Account::Gate(gate), *span));
        let slower = |slowest: (Account, Duration), gate: (Account, Duration)| {
            if gate.1 > slowest.1 { gate } else { slowest }
        };
        gates.fold((Account::Source, self.source), slower)
    }

    /// How many gates there are. The sink is behind the last one.
    pub(crate) fn gates(&self) -> usize {
        self.gates.len()
    }

    /// Nanoseconds.
    pub(crate) fn per_item(&self, span: Duration) -> f64 {
        span.as_nanos() as f64 / self.items.max(1) as f64
    }

    pub(crate) fn verdict(&self, workers: usize) -> Verdict {
        let alone = self.all();
        if alone < TRIAL {
            return Verdict::Unknown;
        }
        let shared = self.per_item(alone) / workers as f64;
        // With workers enough, the slowest of the serial parts is the limit (Amdahl), and each now includes a move.
        let (_, slowest) = self.slowest();
        let together = shared.max(self.per_item(slowest)) + MOVE_NS * self.gates.len() as f64;
        if together < GAIN * self.per_item(alone) { Verdict::Spread } else { Verdict::Stay }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(source: u64, rows: u64, sink: u64, items: u64, workers: usize) -> Verdict {
        let mut trial = Trial::new(1);
        trial.count(items);
        let span = |ns_per_item: u64| Duration::from_nanos(ns_per_item * items);
        trial.add(Account::Source, span(source));
        trial.add(Account::Rows, span(rows));
        trial.add(Account::Gate(0), span(sink));
        trial.verdict(workers)
    }

    #[test]
    fn heavy_chains_spread_and_serial_ones_stay() {
        assert_eq!(verdict(1, 5, 1, 100_000, 2), Verdict::Spread);
        assert_eq!(verdict(2, 0, 1, 100_000, 2), Verdict::Stay);
        assert_eq!(verdict(100, 1, 1, 100_000, 8), Verdict::Stay);
        assert_eq!(verdict(1, 1_000, 1, 1_000, 1), Verdict::Stay);
        assert_eq!(verdict(1, 10, 1, 10, 8), Verdict::Unknown);
        assert_eq!(Trial::new(1).verdict(8), Verdict::Unknown);
    }

    #[test]
    fn the_slowest_gate_is_the_limit_and_not_their_sum() {
        let mut trial = Trial::new(2);
        trial.count(1_000);
        for account in [Account::Rows, Account::Gate(0), Account::Gate(1)] {
            trial.add(account, Duration::from_micros(100));
        }
        assert_eq!(trial.verdict(4), Verdict::Spread);
        trial.add(Account::Gate(1), Duration::from_millis(1));
        assert_eq!(trial.verdict(4), Verdict::Stay);
        assert_eq!(trial.restart().verdict(4), Verdict::Stay);
        assert_eq!(trial.verdict(4), Verdict::Unknown);
    }
}
