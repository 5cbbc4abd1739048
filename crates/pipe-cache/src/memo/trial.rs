//! Whether looking pays: both ways against the clock, now and then.

use std::time::Duration;

/// Says for each block of items whether they are looked up.
///
/// Measured is what matters and nothing else: blocks of items that are looked up in turn with blocks that are computed directly, each by
/// the clock from its first item to its last. What runs before and behind the stage is in both; if it outweighs the difference, so it
/// does in the run. The middle half of the times counts, since a batch may be read or a thread be moved in between.
///
/// ```text
/// glance -> warm -> trial -> stands -> trial, or glance
/// ```
///
/// A *glance* is a small trial over a cold table, which ends the matter for functions that are cheaper than looking. One look at the clock
/// per block of 256 items. A verdict for looking *stands* without another trial as long as as much is found as in the last one, for some million
/// items: a trial computes what the table knows, and the more looking pays, the more that costs.
pub(super) struct Trial {
    phase: Phase,
    /// How many items are looked up before a trial, so that the table holds what it is to be judged by.
    warm: u32,
    /// When the block before ended.
    last: Duration,
    /// How often in a row it did not pay.
    refused: u32,
    /// How often a verdict for looking was kept without a trial.
    kept: u32,
    /// How many blocks in a row were slow.
    slow: u32,
    looked_up: Vec<Duration>,
    direct: Vec<Duration>,
    /// Items that were not found in the blocks that looked up.
    missed: u64,
}

#[derive(Clone, Copy)]
enum Phase {
    /// Nothing was measured yet.
    Start,
    /// Looks up this many more items.
    Warm(u32),
    /// Runs this block; even ones look up.
    Glance(usize),
    /// As `Glance`, for the verdict.
    Trial(usize),
    /// Does what was faster.
    Stands,
}

/// What becomes of the next items: never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    LookUp(u32),
    Direct(u32),
}

/// Items between two looks at the clock: a few microseconds of the cheapest function.
pub(super) const BLOCK: u32 = 256;

/// Blocks of each kind in a glance.
const GLANCE: usize = 4;

/// Blocks of each kind in a trial.
const PAIRS: usize = 16;

/// Where an item takes longer than this, all steps of the segment together, a look is one percent of it at most: no trial.
const SLOW: Duration = Duration::from_micros(5);

/// One slow block may be a thread that was moved aside for a millisecond; two in a row, or one that is slower by this, are slow items.
const NO_ACCIDENT: u32 = 20;

/// No more are looked up before a trial, however large the table is.
const MOST_WARM: u32 = 1 << 14;

/// Items for which a verdict stands: 13 times as many as are looked up for it at most.
const STANDS: u32 = 1 << 18;

/// A verdict against looking stands longer each time, up to 2^22 items.
const MOST_REFUSED: u32 = 4;

/// A verdict for looking is kept up to this many times without a trial, which would compute what is known: as long as no more is missed.
const MOST_KEPT: u32 = 16;

/// No more: but for a thirty-second of the items.
const FEW: f64 = 1.0 / 32.0;

impl Trial {
    /// Items that a glance looks up: a table for as many is enough for it.
    pub(super) const GLANCED: usize = GLANCE * BLOCK as usize;

    pub(super) fn new(entries: usize) -> Self {
        let warm = u32::try_from(entries).map_or(MOST_WARM, |entries| entries.clamp(BLOCK, MOST_WARM));
        let times = || Vec::with_capacity(PAIRS);
        Trial {
            phase: Phase::Start,
            warm,
            last: Duration::ZERO,
            refused: 0,
            kept: 0,
            slow: 0,
            looked_up: times(),
            direct: times(),
            missed: 0,
        }
    }

    /// The block before has ended, if there was one, it is `now`, and of the items in it this many were looked up and not found. What is next?
    pub(super) fn next(&mut self, now: Duration, missed: u64) -> Next {
        let took = now.saturating_sub(self.last);
        self.last = now;
        let slow = self.are_items_slow(took);
        let next = match self.phase {
            Phase::Start => self.begin(Phase::Glance(0)),
            Phase::Glance(_) | Phase::Trial(_) | Phase::Warm(_) if slow => self.begin(Phase::Warm(self.warm)),
            Phase::Warm(left) if left <= BLOCK => self.begin(Phase::Trial(0)),
            Phase::Warm(left) => Phase::Warm(left - BLOCK),
            Phase::Glance(block) => {
                self.note(block, took, missed);
                match block + 1 {
                    next if next < 2 * GLANCE => Phase::Glance(next),
                    _ if self.is_hopeless() => self.refuse(),
                    _ => self.begin(Phase::Warm(self.warm)),
                }
            }
            Phase::Trial(block) => {
                self.note(block, took, missed);
                if block + 1 < 2 * PAIRS { Phase::Trial(block + 1) } else { self.settle() }
            }
            Phase::Stands if self.refused == 0 && self.is_kept(missed) => {
                self.kept += 1;
                Phase::Stands
            }
            Phase::Stands if self.refused == 0 => self.begin(Phase::Trial(0)),
            Phase::Stands => self.begin(Phase::Glance(0)),
        };
        self.phase = next;
        match next {
            Phase::Glance(block) | Phase::Trial(block) if block % 2 == 1 => Next::Direct(BLOCK),
            Phase::Stands if self.refused > 0 => Next::Direct(STANDS << (self.refused - 1).min(MOST_REFUSED)),
            Phase::Stands => Next::LookUp(STANDS),
            _ => Next::LookUp(BLOCK),
        }
    }

    /// Whether what is looked up now is for a glance.
    pub(super) fn is_glance(&self) -> bool {
        matches!(self.phase, Phase::Start | Phase::Glance(_))
    }

    fn are_items_slow(&mut self, took: Duration) -> bool {
        self.slow = if took > SLOW * BLOCK { self.slow + 1 } else { 0 };
        self.slow > 1 || took > SLOW * BLOCK * NO_ACCIDENT
    }

    /// Forgets what was measured.
    fn begin(&mut self, phase: Phase) -> Phase {
        self.looked_up.clear();
        self.direct.clear();
        self.missed = 0;
        phase
    }

    fn note(&mut self, block: usize, took: Duration, missed: u64) {
        if block.is_multiple_of(2) { &mut self.looked_up } else { &mut self.direct }.push(took);
        self.missed += missed;
    }

    /// Whether looking would be slower even if everything were found: without the calls that misses made, which take no longer than
    /// an item that is computed directly. The fastest block of looks counts: the table was cold, and a trial is cheap.
    fn is_hopeless(&mut self) -> bool {
        let missed = self.missed as f64 / (GLANCE as f64 * f64::from(BLOCK));
        let fastest = self.looked_up.iter().min().copied().unwrap_or_default();
        // Of one block, as the fastest.
        let direct = middle(&mut self.direct) / (GLANCE / 2) as u32;
        fastest > direct + direct.mul_f64(missed)
    }

    /// Whether a verdict for looking is kept: of the items since then as many were found as in the trial.
    fn is_kept(&self, missed: u64) -> bool {
        let in_trial = self.missed as f64 / (PAIRS as f64 * f64::from(BLOCK));
        self.kept < MOST_KEPT && missed as f64 / f64::from(STANDS) <= in_trial + FEW
    }

    fn settle(&mut self) -> Phase {
        self.kept = 0;
        if middle(&mut self.looked_up) < middle(&mut self.direct) {
            self.refused = 0;
            return Phase::Stands;
        }
        self.refuse()
    }

    fn refuse(&mut self) -> Phase {
        self.refused += 1;
        Phase::Stands
    }
}

/// The sum of the middle half.
fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 4..times.len() - times.len() / 4].iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    /// What an item costs, in nanoseconds: a call, a look, and which part of looks finds.
    struct Costs {
        call: f64,
        look: f64,
        found: f64,
    }

    impl Costs {
        fn looked_up(&self) -> f64 {
            self.look + (1.0 - self.found) * self.call
        }
    }

    /// Runs this many items by the trial's word, and gives nanoseconds per item. The trial's clock is disturbed: one block in ten has a
    /// millisecond on top, and one in a hundred two, which is nobody's cost.
    fn run(trial: &mut Trial, costs: &Costs, items: u64) -> f64 {
        let (mut done, mut cost, mut disturbed, mut missed, mut rng) = (0, 0.0, 0.0, 0, Rng::new(7));
        while done < items {
            let now = Duration::from_nanos((cost + disturbed) as u64);
            let (count, each, missing) = match trial.next(now, missed) {
                Next::LookUp(count) => (u64::from(count), costs.looked_up(), 1.0 - costs.found),
                Next::Direct(count) => (u64::from(count), costs.call, 0.0),
            };
            let count = count.min(items - done);
            missed = (count as f64 * missing) as u64;
            cost += each * count as f64;
            disturbed += match rng.below(100) {
                0 => 2e6,
                1..11 => 1e6,
                _ => 0.0,
            };
            done += count;
        }
        cost / items as f64
    }

    #[test]
    fn where_looking_does_not_pay_it_costs_less_than_a_twentieth() {
        for (call, look, found) in
            [(5.0, 20.0, 1.0), (30.0, 20.0, 0.0), (30.0, 20.0, 0.3), (20.0, 15.0, 0.2), (300.0, 30.0, 0.0)]
        {
            for entries in [0, 1 << 10, 1 << 14, 1 << 20] {
                let costs = Costs { call, look, found };
                let took = run(&mut Trial::new(entries), &costs, 1_000_000);
                assert!(took < 1.05 * call, "{took} ns instead of {call} with {entries} entries");
            }
        }
    }

    #[test]
    fn a_glance_ends_the_matter_where_a_look_takes_longer_than_a_call() {
        let looked_up = |look: u64, call: u64| {
            let (mut trial, mut now, mut missed, mut looked_up) = (Trial::new(1 << 16), Duration::ZERO, 0, 0);
            for _ in 0..2 * GLANCE + 1 {
                let (items, each) = match trial.next(now, missed) {
                    Next::LookUp(items) => (items, look + call),
                    Next::Direct(items) => (items, call),
                };
                missed = if each > call { u64::from(items) } else { 0 };
                looked_up += missed;
                now += Duration::from_nanos(each) * items;
            }
            looked_up
        };
        // What is asked for next is the verdict, or the first block of those that fill the whole table.
        assert_eq!(looked_up(6, 5), Trial::GLANCED as u64);
        assert_eq!(looked_up(4, 5), Trial::GLANCED as u64 + u64::from(BLOCK));
    }

    #[test]
    fn where_looking_pays_it_is_looked() {
        for (call, look, found) in [(100.0, 20.0, 0.76), (1_000.0, 20.0, 0.1), (1e6, 30.0, 0.5)] {
            let costs = Costs { call, look, found };
            let took = run(&mut Trial::new(1 << 14), &costs, 1_000_000);
            assert!(took < 1.05 * costs.looked_up(), "{took} ns instead of {}", costs.looked_up());
        }
    }

    #[test]
    fn where_looking_pays_hardly_anything_is_computed_that_is_known() {
        let (mut trial, mut now, mut looked_up, mut direct) = (Trial::new(1 << 14), Duration::ZERO, 0, 0);
        while looked_up < 1 << 22 {
            match trial.next(now, 0) {
                Next::LookUp(items) => {
                    looked_up += u64::from(items);
                    now += Duration::from_nanos(10) * items;
                }
                Next::Direct(items) => {
                    direct += u64::from(items);
                    now += Duration::from_nanos(400) * items;
                }
            }
        }
        assert!(direct < looked_up / 800, "{direct} of {looked_up}");
    }

    #[test]
    fn what_takes_long_is_looked_up_from_the_first_item_on() {
        let (mut trial, mut now) = (Trial::new(4), Duration::ZERO);
        for _ in 0..1_000 {
            assert_ne!(trial.next(now, 0), Next::Direct(BLOCK));
            now += Duration::from_millis(1) * BLOCK;
        }
    }

    #[test]
    fn a_verdict_is_taken_back_when_the_input_changes() {
        let mut trial = Trial::new(1 << 10);
        let (pays, does_not) =
            (Costs { call: 100.0, look: 20.0, found: 0.9 }, Costs { call: 100.0, look: 20.0, found: 0.0 });
        run(&mut trial, &does_not, 1 << 20);
        assert!(run(&mut trial, &pays, 1 << 24) < 70.0);
        assert!(run(&mut trial, &does_not, 1 << 24) < 103.0);
    }
}
