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
    /// How many workers would be best, if there were an executor with so many.
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
    /// Which.
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
    pub(crate) fn here() -> Self {
        Machine { processors: thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// What moving an item between workers costs, in nanoseconds: for each part that one thread at a time may be in, measured on batches of 8-byte
/// items.
const MOVE_NS: f64 = 0.5;

/// Several workers have to save a fifth of the time, or they are not worth their processors.
const GAIN: f64 = 0.8;

/// Of two numbers of workers of which one is not better by more than this, the smaller one is taken.
const LEVEL: f64 = 0.95;

/// More workers than this are not proposed.
const MOST_WORKERS: usize = 1_024;

/// The choice among `candidates`, of which there is one at least.
pub(crate) fn advise(measured: &Measured, candidates: &[Candidate], machine: Machine) -> Advice {
    let items = measured.parts.get(1).map_or(0, |first| first.items).max(1);
    let parts = part_costs(measured, items);
    let one = seconds(&parts, 1, machine);
    let better = |best: (usize, f64), next: (usize, usize)| {
        let (at, workers) = next;
        let time = seconds(&parts, workers, machine);
        let least = if candidates[best.0].workers == 1 { GAIN } else { LEVEL };
        // Fewer workers for the same are better.
        let fewer = workers < candidates[best.0].workers && time * LEVEL < best.1;
        if time < least * best.1 || fewer { (at, time) } else { best }
    };
    // From the fewest workers on; of equally many the one that was named first.
    let mut order: Vec<_> = candidates.iter().map(|candidate| candidate.workers).enumerate().collect();
    order.sort_by_key(|(at, workers)| (*workers, *at));
    let (first, workers) = order[0];
    let (chosen, time) = order.into_iter().skip(1).fold((first, seconds(&parts, workers, machine)), better);
    let Candidate { executor, workers } = candidates[chosen];
    Advice {
        executor,
        workers,
        chosen,
        gain: one / time,
        best_workers: best_workers(&parts, machine),
        head: measured.elapsed,
        items,
        bytes_per_item: measured.bytes as f64 / items as f64,
        variation: measured.variation,
        parts,
    }
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

/// How long an item takes on so many workers, in nanoseconds.
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
        write!(f, ": of {items} items in {:.0} ms each cost", head.as_secs_f64() * 1e3)?;
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

    /// A head of 1,000 items whose source, segment and sink took so many milliseconds, and computed for so many of them.
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
        let text = "Inline, one thread: of 1000 items in 100 ms each cost source 1.0 us, segment 0 95.0 us (99% of it waits), sink 1.0 us";
        assert!(advice.to_string().starts_with(text), "{advice}");
    }
}
