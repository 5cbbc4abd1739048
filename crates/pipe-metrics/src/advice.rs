//! Which executor suits a run, from what its head has cost: a model of three lines.
//!
//! ```text
//! time on one thread = all that the parts computed and waited for
//! time on W workers  = the largest of: the slowest part that one thread at a time may be in,
//!                                      all of it / W,
//!                                      what was computed / the processors that W workers get
//!                      + what it costs to move items between workers
//! ```
//!
//! So workers beyond the processors help who waits, and nobody else; and nothing helps beyond the slowest serial part (Amdahl's law, of 1967).
//! What is not in it: memory bandwidth, caches that workers share, and input that changes behind the head.

use crate::head::{Cost, Measured};
use pipe_core::{Part, SegmentKind};
use std::fmt;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// What [`Auto`](crate::Auto) has measured, and what it has chosen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Advice {
    /// The name of the executor.
    pub executor: &'static str,
    /// How many workers it has.
    pub workers: usize,
    /// Its place among the choices, from 0.
    pub chosen: usize,
    /// How many times as fast as one thread it is expected to be, at most.
    pub gain: f64,
    /// How many workers would be best, if there were an executor with that many.
    pub best_workers: usize,
    /// How long the head was, and how many items the first segment took in it.
    pub head: Duration,
    /// Items in the head.
    pub items: u64,
    /// Bytes of an item, as the source gives it.
    pub bytes_per_item: f64,
    /// How unlike batches were: the spread of the time for an item over its mean.
    pub variation: f64,
    /// Source, segments and sink, in order.
    pub parts: Vec<PartCost>,
}

/// What a part costs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PartCost {
    /// Which part it is.
    pub part: Part,
    /// Whether any worker may be in it.
    pub kind: SegmentKind,
    /// Nanoseconds for an item of the input, waits included.
    pub ns_per_item: f64,
    /// Which share of them it waits: for a lock, a disk, a network.
    pub waits: f64,
    /// Items that it gets for one of the input: what comes before it lets through.
    pub items: f64,
}

/// An executor to choose.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) executor: &'static str,
    pub(crate) workers: usize,
}

/// Where it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
}

impl Machine {
    /// Asked once: the answer is in files, and takes longer than a short run.
    pub(crate) fn here() -> Self {
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        let ask = || thread::available_parallelism().map_or(1, usize::from);
        Machine { processors: *PROCESSORS.get_or_init(ask) }
    }
}

/// What moving an item between workers costs, in nanoseconds: for each part that one thread at a time may be in, measured on batches of 8-byte
/// items.
const MOVE_NS: f64 = 0.5;

/// Several workers have to save a fifth of the time, or they are not worth their processors.
const GAIN: f64 = 0.8;

/// Of two numbers of workers, both of which have a processor each, of which one is not better by more than this, the smaller one is taken.
const LEVEL: f64 = 0.95;

/// More workers than this are not proposed.
const MOST_WORKERS: usize = 1_024;

/// The choice among `candidates`, of which there is one at least.
pub(crate) fn advise(measured: &Measured, candidates: &[Candidate], machine: Machine) -> Advice {
    let items = measured.items();
    let parts = part_costs(measured, items);
    let chosen = choose(&parts, candidates, machine);
    let Candidate { executor, workers } = candidates[chosen];
    Advice {
        executor,
        workers,
        chosen,
        gain: seconds(&parts, 1, machine) / seconds(&parts, workers, machine),
        best_workers: best_workers(&parts, machine),
        head: measured.elapsed,
        items,
        bytes_per_item: measured.bytes as f64 / items as f64,
        variation: measured.variation,
        parts,
    }
}

/// The choice for several workers that stays the same if the measured shares are wrong by a factor of two: that of the serial parts, and that
/// of waits. `None` where more has to be seen; to see more on one thread costs nothing where one thread is right.
pub(crate) fn clear_choice(measured: &Measured, candidates: &[Candidate], machine: Machine) -> Option<usize> {
    let parts = part_costs(measured, measured.items());
    let chosen = choose(&parts, candidates, machine);
    let is_same = |(serial, waits)| choose(&otherwise(&parts, serial, waits), candidates, machine) == chosen;
    let others = [(0.5, 0.5), (0.5, 2.0), (2.0, 0.5), (2.0, 2.0)];
    (candidates[chosen].workers > 1 && others.into_iter().all(is_same)).then_some(chosen)
}

/// The same parts, if serial ones took this many times as long, and waits.
fn otherwise(parts: &[PartCost], serial: f64, waits: f64) -> Vec<PartCost> {
    let change = |cost: &PartCost| {
        let all = cost.ns_per_item * if cost.kind == SegmentKind::Serial { serial } else { 1.0 };
        let (computed, waited) = (all * (1.0 - cost.waits), all * cost.waits * waits);
        PartCost { ns_per_item: computed + waited, waits: waited / (computed + waited).max(1e-12), ..*cost }
    };
    parts.iter().map(change).collect()
}

/// The place of the best candidate.
fn choose(parts: &[PartCost], candidates: &[Candidate], machine: Machine) -> usize {
    let better = |best: (usize, f64), at: usize| {
        let (Candidate { workers, .. }, before) = (candidates[at], candidates[best.0].workers);
        let time = seconds(parts, workers, machine);
        // Beyond the processors they take turns, unless they wait: so what they save has to be seen.
        let least = if before == 1 || workers > machine.processors { GAIN } else { LEVEL };
        // Fewer workers for the same are better.
        let fewer = workers < before && time * LEVEL < best.1;
        if time < least * best.1 || fewer { (at, time) } else { best }
    };
    // From the fewest workers on; of equally many the one that was named first.
    let mut order: Vec<_> = (0..candidates.len()).collect();
    order.sort_by_key(|at| (candidates[*at].workers, *at));
    let first = (order[0], seconds(parts, candidates[order[0]].workers, machine));
    order.into_iter().skip(1).fold(first, better).0
}

/// Per item of the input. What a thread was ready for and did not get is left out: another run gets it.
fn part_costs(measured: &Measured, items: u64) -> Vec<PartCost> {
    let sum = |of: fn(&Cost) -> Duration| measured.parts.iter().map(of).sum::<Duration>();
    let away = sum(|cost| cost.busy).saturating_sub(sum(|cost| cost.computed));
    let asleep = away.saturating_sub(measured.ready).as_secs_f64() / away.as_secs_f64().max(1e-12);
    let cost = |cost: &Cost| {
        let computed = cost.computed.min(cost.busy).as_secs_f64();
        let waited = (cost.busy.as_secs_f64() - computed) * asleep;
        PartCost {
            part: cost.part,
            kind: cost.kind,
            ns_per_item: (computed + waited) * 1e9 / items as f64,
            waits: waited / (computed + waited).max(1e-12),
            items: cost.items as f64 / items as f64,
        }
    };
    measured.parts.iter().map(cost).collect()
}

/// How long an item takes on this many workers, in nanoseconds.
fn seconds(parts: &[PartCost], workers: usize, machine: Machine) -> f64 {
    let all: f64 = parts.iter().map(|cost| cost.ns_per_item).sum();
    if workers <= 1 {
        return all;
    }
    let computed: f64 = parts.iter().map(|cost| cost.ns_per_item * (1.0 - cost.waits)).sum();
    let serial = parts.iter().filter(|cost| cost.kind == SegmentKind::Serial);
    let slowest = serial.clone().map(|cost| cost.ns_per_item).fold(0.0, f64::max);
    let shared = (all / workers as f64).max(computed / workers.min(machine.processors) as f64);
    slowest.max(shared) + MOVE_NS * serial.count() as f64
}

/// The fewest that are nearly as good as any number.
fn best_workers(parts: &[PartCost], machine: Machine) -> usize {
    let best =
        (1..=MOST_WORKERS).map(|workers| seconds(parts, workers, machine)).fold(f64::INFINITY, f64::min);
    if best > GAIN * seconds(parts, 1, machine) {
        return 1;
    }
    let enough = |workers: &usize| seconds(parts, *workers, machine) * LEVEL <= best;
    (1..=MOST_WORKERS).find(enough).unwrap_or(1)
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Advice { executor, workers, gain, items, head, best_workers, .. } = self;
        match workers {
            1 => write!(f, "{executor}, one thread")?,
            _ => write!(f, "{executor} with {workers} workers, up to {gain:.1} times as fast as one")?,
        }
        write!(f, ": of {items} items in {:.1} ms each cost", head.as_secs_f64() * 1e3)?;
        for (at, cost) in self.parts.iter().enumerate() {
            write!(f, "{} {} {}", if at == 0 { "" } else { "," }, cost.part, span_text(cost.ns_per_item))?;
            if cost.waits >= 0.1 {
                write!(f, " ({:.0}% of it waits)", 100.0 * cost.waits)?;
            }
        }
        if *workers == 1 {
            write!(f, "; more workers would not pay")?;
        } else if best_workers > workers {
            write!(f, "; {best_workers} workers would be better still")?;
        }
        if self.variation > 1.0 {
            write!(f, "; items differ much in what they cost")?;
        }
        Ok(())
    }
}

fn span_text(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.1} ns"),
        ..1e6 => format!("{:.1} us", nanoseconds / 1e3),
        _ => format!("{:.1} ms", nanoseconds / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine { processors: 4 };

    /// A head of 1,000 items whose source, segment and sink took this many milliseconds, and computed for this many of them.
    fn head(spans: [(u64, u64); 3]) -> Measured {
        let kinds = [SegmentKind::Serial, SegmentKind::Parallel, SegmentKind::Serial];
        let parts = [Part::Source, Part::Segment(0), Part::Sink].into_iter().zip(kinds).zip(spans);
        let millis = Duration::from_millis;
        let cost = |((part, kind), (busy, computed))| Cost {
            part,
            kind,
            busy: millis(busy),
            computed: millis(computed),
            items: 1_000,
        };
        Measured { parts: parts.map(cost).collect(), elapsed: millis(100), ..Measured::default() }
    }

    fn choice(measured: &Measured, workers: &[usize]) -> usize {
        let candidate = |&workers: &usize| Candidate { executor: "X", workers };
        let advice = advise(measured, &workers.iter().map(candidate).collect::<Vec<_>>(), MACHINE);
        workers[advice.chosen]
    }

    #[test]
    fn what_computes_gets_as_many_workers_as_there_are_processors_and_not_more() {
        let computes = head([(1, 1), (95, 95), (1, 1)]);
        assert_eq!(choice(&computes, &[1, 2, 4, 64]), 4);
        assert_eq!(choice(&computes, &[64, 4, 2, 1]), 4);
        assert_eq!(choice(&computes, &[1, 64]), 64);
        assert_eq!(advise(&computes, &[Candidate { executor: "X", workers: 1 }], MACHINE).best_workers, 4);
    }

    #[test]
    fn what_waits_gets_more_workers_than_there_are_processors() {
        let waits = head([(1, 1), (98, 2), (1, 1)]);
        assert_eq!(choice(&waits, &[1, 4, 64]), 64);
        let advice = advise(&waits, &[Candidate { executor: "X", workers: 4 }], MACHINE);
        assert!((50..=110).contains(&advice.best_workers), "{advice}");
        assert!(advice.to_string().contains("would be better still"), "{advice}");
    }

    #[test]
    fn what_one_thread_at_a_time_does_stays_on_one_thread() {
        assert_eq!(choice(&head([(90, 90), (5, 5), (5, 5)]), &[1, 2, 4, 64]), 1);
        assert_eq!(choice(&head([(5, 5), (5, 5), (90, 2)]), &[4, 1]), 1);
        // Two are as good as four where the source is the limit.
        assert_eq!(choice(&head([(48, 48), (48, 48), (4, 4)]), &[1, 2, 4]), 2);
        assert_eq!(choice(&head([(10, 10), (86, 86), (4, 4)]), &[1, 2, 4]), 4);
    }

    #[test]
    fn workers_beyond_the_processors_have_to_save_a_fifth() {
        // A tenth of the time waits: more workers could use it, and it might as well be noise.
        assert_eq!(choice(&head([(1, 1), (98, 88), (1, 1)]), &[4, 64]), 4);
        assert_eq!(choice(&head([(1, 1), (98, 60), (1, 1)]), &[4, 64]), 64);
    }

    /// What is clear after this head, of one thread, four and 64 workers.
    fn clear(measured: &Measured) -> Option<usize> {
        let candidates = [1, 4, 64].map(|workers| Candidate { executor: "X", workers });
        clear_choice(measured, &candidates, MACHINE)
    }

    #[test]
    fn a_choice_is_clear_if_shares_that_are_wrong_by_a_factor_of_two_do_not_change_it() {
        assert_eq!(clear(&head([(1, 1), (98, 98), (1, 1)])), Some(1));
        assert_eq!(clear(&head([(1, 1), (98, 2), (1, 1)])), Some(2));
        // If the source took twice as long, one thread would be as good; if waits were as much more, 64 workers would be better.
        assert_eq!(choice(&head([(70, 70), (28, 28), (1, 1)]), &[1, 4, 64]), 4);
        assert_eq!(clear(&head([(70, 70), (28, 28), (1, 1)])), None);
        assert_eq!(choice(&head([(1, 1), (98, 84), (1, 1)]), &[1, 4, 64]), 4);
        assert_eq!(clear(&head([(1, 1), (98, 84), (1, 1)])), None);
    }

    #[test]
    fn one_thread_is_never_clear_before_the_end_of_the_head() {
        assert_eq!(clear(&head([(98, 98), (1, 1), (1, 1)])), None);
    }

    #[test]
    fn time_that_others_took_on_this_processor_is_no_wait() {
        let mut disturbed = head([(1, 1), (98, 49), (1, 1)]);
        assert_eq!(choice(&disturbed, &[1, 4, 64]), 64);
        disturbed.ready = Duration::from_millis(49);
        assert_eq!(choice(&disturbed, &[1, 4, 64]), 4);
    }

    #[test]
    fn items_that_cost_next_to_nothing_stay() {
        let mut cheap = head([(1, 1), (2, 2), (1, 1)]);
        cheap.parts.iter_mut().for_each(|cost| cost.items = 2_000_000);
        assert_eq!(choice(&cheap, &[1, 2]), 1);
    }

    #[test]
    fn the_reasons_are_in_the_text() {
        let advice = advise(
            &head([(1, 1), (95, 1), (1, 1)]),
            &[Candidate { executor: "Inline", workers: 1 }],
            MACHINE,
        );
        let text = "Inline, one thread: of 1000 items in 100.0 ms each cost source 1.0 us, segment 0 95.0 us (99% of it waits), sink 1.0 us";
        assert!(advice.to_string().starts_with(text), "{advice}");
    }
}
