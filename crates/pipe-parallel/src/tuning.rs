//! How many workers, how large batches and how long a queue a run gets that tunes itself: chosen once, by what the calling thread has measured
//! on the head of the data, before anybody else comes.
//!
//! A pure function of the measurements, so that its tests need no machine.

use crate::break_even::Trial;
use crate::crew::SPAN;
use crate::meter::Account;
use std::fmt::Write;
use std::time::Duration;

/// What a run may have, and what it is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The calling thread included.
    pub(crate) workers: usize,
    /// Items in a batch that is pulled.
    pub(crate) batch: usize,
    /// Batches under way in a stretch.
    pub(crate) window: usize,
}

/// Batches under way for each worker, unless the head says otherwise. They are how long the others go on while one is at a heavy item: 6 ms. With
/// 2, one item of 1 ms among a thousand of 1 us doubles the time of sixteen workers (`simulation.rs`); with 8 of 50 us it cost a tenth at two, measured.
const WINDOW: usize = 32;

/// However heavy the heaviest item was. The memory limit is the bound that counts.
const WIDEST: usize = 256;

/// A source that needs this long for an item is waiting for something. Handing each on by itself costs 2 % of that at most, and none waits for
/// the next one.
const SLOW_SOURCE: Duration = Duration::from_micros(50);

impl Bounds {
    /// Unless the head of the data says otherwise.
    pub(crate) fn new(workers: usize, batch: usize) -> Self {
        Bounds { workers, batch, window: workers.saturating_mul(WINDOW).max(64) }
    }

    /// What is right for data like that of the trial, at most these workers and items, and why.
    ///
    /// * *Workers.* The parts that one worker at a time may run, the source and the gates, are a limit (Amdahl): more than
    ///   `all / slowest` workers would wait for it. One more is there for when the others are late.
    /// * *Batch.* 200 us of work, as measured all along; one item if the source is slow.
    /// * *Window.* While one worker is at the longest batch, each of the others finishes `longest / 200 us`. They go on if twice as many fit.
    pub(crate) fn tuned(self, trial: &Trial) -> (Bounds, String) {
        let mut why = String::new();
        let (part, slowest) = trial.slowest();
        let all = trial.all();
        let useful = (all.as_nanos().div_ceil(slowest.as_nanos().max(1)) as usize).saturating_add(1);
        let workers = useful.clamp(2, self.workers.max(2));
        let (all_ns, slowest_ns) = (trial.per_item(all), trial.per_item(slowest));
        let _ = if useful < self.workers {
            let who = name(part, trial.gates());
            write!(why, "{who} takes {slowest_ns:.0} of {all_ns:.0} ns per item, one worker at a time")
        } else {
            write!(why, "{all_ns:.0} ns per item are work for all")
        };
        let mut batch = self.batch;
        let source = trial.per_item(trial.source());
        if source >= SLOW_SOURCE.as_nanos() as f64 && batch > 1 {
            batch = 1;
            let _ = write!(why, "; the source takes {source:.0} ns for an item: none is to wait for others");
        }
        let longest = trial.longest();
        let lag = 2 * longest.as_nanos().div_ceil(SPAN.as_nanos()) as usize;
        let window = Bounds::new(workers, batch).window.max(workers.saturating_mul(lag.min(WIDEST)));
        if lag > WINDOW {
            let us = longest.as_micros();
            let _ = write!(why, "; a batch took {us} us: others are not to wait for it");
        }
        (Bounds { workers, batch, window }, why)
    }
}

/// What users call a part that one worker at a time may run.
fn name(part: Account, gates: usize) -> String {
    match part {
        Account::Gate(gate) if gate + 1 == gates => "the sink".to_owned(),
        Account::Gate(gate) => format!("serial stage {}", gate + 1),
        Account::Source | Account::Rows => "the source".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// A thousand items that cost this much each.
    fn head(source: Duration, rows: Duration, gates: &[Duration]) -> Trial {
        let mut trial = Trial::new(gates.len());
        for _ in 0..1_000 {
            trial.add(Account::Source, source);
            trial.add(Account::Rows, rows);
            gates.iter().enumerate().for_each(|(at, gate)| trial.add(Account::Gate(at), *gate));
            trial.count(1);
        }
        trial
    }

    fn tuned(trial: &Trial) -> (Bounds, String) {
        Bounds::new(16, 8_192).tuned(trial)
    }

    #[test]
    fn work_for_all_gets_all() {
        let (bounds, why) = tuned(&head(US / 50, 10 * US, &[US / 50]));
        assert_eq!(bounds, Bounds { workers: 16, batch: 8_192, window: 512 });
        assert_eq!(why, "10040 ns per item are work for all");
    }

    #[test]
    fn workers_that_would_wait_for_a_serial_part_are_not_called() {
        let (bounds, why) = tuned(&head(US, 8 * US, &[3 * US]));
        assert_eq!(bounds, Bounds { workers: 5, batch: 8_192, window: 160 });
        assert_eq!(why, "the sink takes 3000 of 12000 ns per item, one worker at a time");
        let (bounds, why) = tuned(&head(6 * US, 6 * US, &[US]));
        assert_eq!((bounds.workers, &why[..10]), (4, "the source"));
        let (bounds, why) = tuned(&head(US, 8 * US, &[6 * US, US]));
        assert_eq!((bounds.workers, why.split(" takes").next()), (4, Some("serial stage 1")));
        assert_eq!(tuned(&head(9 * US, US, &[US])).0.workers, 3);
    }

    #[test]
    fn the_settings_stay_the_bound() {
        let trial = head(US / 50, 10 * US, &[US / 50]);
        let few = Bounds::new(3, 7).tuned(&trial).0;
        assert_eq!(few, Bounds { workers: 3, batch: 7, window: 96 });
    }

    #[test]
    fn items_of_a_slow_source_do_not_wait_for_each_other() {
        let (bounds, why) = tuned(&head(60 * US, 300 * US, &[US]));
        assert_eq!((bounds.workers, bounds.batch), (8, 1));
        assert!(why.ends_with("the source takes 60000 ns for an item: none is to wait for others"), "{why}");
        // It was one already: then that is not news.
        let (one, why) = Bounds::new(16, 1).tuned(&head(60 * US, 300 * US, &[US]));
        assert!(one.batch == 1 && !why.contains("to wait for others"), "{why}");
    }

    #[test]
    fn a_heavy_batch_makes_room_for_what_others_finish_meanwhile() {
        let mut trial = head(US / 50, 10 * US, &[US / 50]);
        trial.add(Account::Rows, 5_000 * US);
        trial.count(1);
        let (bounds, why) = tuned(&trial);
        assert_eq!((bounds.window, why.contains("a batch took 5000 us")), (800, true), "{why}");
        trial.add(Account::Rows, Duration::from_secs(5));
        trial.count(1);
        assert_eq!(tuned(&trial).0.window, 16 * WIDEST);
    }
}
