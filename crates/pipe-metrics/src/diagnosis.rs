//! The part that limits a run together with what it lacks, and the remedy that follows from both.

use crate::doing::Doing;
use crate::resources::Usage;
use pipe_core::{Bottleneck, Limit, Part, Remedy, Report};
use std::fmt;

/// What [`Resources::diagnosis`](crate::Resources::diagnosis) finds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The part, the remedy, and the gain to expect of it. The remedy is one that helps against what the part lacks: more workers do not, where
    /// they wait for each other, or where there is no processor for them.
    pub bottleneck: Bottleneck,
    /// What its threads mostly do. `None` where nobody looked, or threads are not what it lacks: operations in flight, or memory.
    pub doing: Option<Doing>,
    /// How much of the time for which they were in it and did not wait for a processor.
    pub share: f64,
}

/// From this share of their time on, threads that sleep are what is to be mended: with two workers that wait for each other all the time, each
/// waits for half of it.
const ASLEEP: f64 = 0.3;

/// Fewer looks say nothing; then the processor time has to do.
const LOOKS: u64 = 4;

/// `usage` is that of the part, `processors` are those of the machine.
pub(crate) fn diagnose<T>(
    report: &Report<T>,
    mut found: Bottleneck,
    usage: &Usage,
    processors: usize,
) -> Diagnosis {
    if matches!(found.limit, Limit::Concurrency | Limit::Memory) {
        let share = found.load;
        return Diagnosis { bottleneck: found, doing: None, share };
    }
    let (doing, share) = mostly(usage).map_or((None, 0.0), |(doing, share)| (Some(doing), share));
    let shared = found.limit == Limit::Workers;
    found.remedy = match (doing, found.remedy) {
        // They would wait for each other as well.
        (Some(Doing::Lock), _) => Remedy::LessWork,
        (Some(Doing::Computing), Remedy::Workers(workers)) if workers > processors => Remedy::LessWork,
        // A thread that waits takes no processor, so it does not matter how many there are.
        (Some(Doing::Disk | Doing::Network | Doing::Process | Doing::Timer | Doing::Other), _) if shared => {
            Remedy::Workers(report.workers.max(1) * 2)
        }
        (_, remedy) => remedy,
    };
    found.gain = report.gain(found.part, found.remedy);
    Diagnosis { bottleneck: found, doing, share }
}

/// What the threads of a part mostly do, and the share of that.
fn mostly(usage: &Usage) -> Option<(Doing, f64)> {
    let (busy, computed) = (usage.busy.as_secs_f64(), usage.computed.as_secs_f64());
    let all: u64 = usage.looks.values().sum();
    if all < LOOKS {
        let share = computed / busy;
        return (share > 1.0 - ASLEEP).then_some((Doing::Computing, share.min(1.0)));
    }
    // In seconds. A thread that was found computing may have waited for a processor, which says something about the machine and not about the part: how
    // long it really computed is known.
    let span = |count: u64| busy * count as f64 / all as f64;
    let computing = usage.looks.get(&Doing::Computing).copied().unwrap_or(0);
    let own = computed + span(all - computing);
    if span(all - computing) < ASLEEP * own {
        return Some((Doing::Computing, computed / own.max(1e-12)));
    }
    let asleep = usage.looks.iter().filter(|(doing, _)| **doing != Doing::Computing);
    let (doing, count) = asleep.max_by_key(|(_, count)| **count)?;
    Some((*doing, span(*count) / own))
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(doing) = self.doing else { return write!(f, "{}", self.bottleneck) };
        let Bottleneck { part, stages, remedy, gain, .. } = &self.bottleneck;
        match part {
            Part::Segment(_) => write!(f, "{part} ({stages})")?,
            Part::Source | Part::Sink => write!(f, "the {part}")?,
        }
        write!(f, " limits the run: it {doing} for {:.0}% of its time", 100.0 * self.share)?;
        match remedy {
            Remedy::Workers(workers) => write!(f, "; with {workers} workers")?,
            _ => write!(f, "; in half of its time")?,
        }
        gain.map_or(Ok(()), |gain| write!(f, " up to {gain:.1} times as fast"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::{FromIter, Inline, Source};
    use std::time::Duration;

    /// As a run on two workers would have left it, that spent nearly all its time in its only segment.
    fn report() -> Report<()> {
        let whole = FromIter::new(0..10u8).pipeline().map(|n| n).for_each(drop);
        let mut report = whole.run_on(&Inline).expect("nothing fails");
        (report.workers, report.elapsed) = (2, Duration::from_secs(10));
        (report.source_busy, report.sink_busy) = (Duration::from_secs(1), Duration::from_secs(1));
        report.segments[0].busy = Some(Duration::from_secs(18));
        report
    }

    fn usage(computed: u64, looks: &[(Doing, u64)]) -> Usage {
        let seconds = Duration::from_secs;
        Usage { busy: seconds(18), computed: seconds(computed), looks: looks.iter().copied().collect() }
    }

    fn found(usage: &Usage, processors: usize) -> Diagnosis {
        let report = report();
        let found = report.bottleneck().expect("the segment stands out");
        diagnose(&report, found, usage, processors)
    }

    #[test]
    fn who_computes_is_helped_by_processors_and_where_there_are_none_by_less_work() {
        let usage = usage(17, &[(Doing::Computing, 95), (Doing::Lock, 5)]);
        let more = found(&usage, 8);
        assert_eq!((more.doing, more.bottleneck.remedy), (Some(Doing::Computing), Remedy::Workers(4)));
        assert_eq!(found(&usage, 2).bottleneck.remedy, Remedy::LessWork);
        assert_eq!(
            found(&usage, 2).to_string(),
            "segment 0 (map#0) limits the run: it computes for 95% of its time; in half of its time up to 1.8 times as fast"
        );
    }

    #[test]
    fn workers_that_wait_for_each_other_are_helped_by_less_work_and_those_that_wait_for_others_by_more_workers()
     {
        for (doing, remedy) in [
            (Doing::Lock, Remedy::LessWork),
            (Doing::Network, Remedy::Workers(4)),
            (Doing::Disk, Remedy::Workers(4)),
            (Doing::Process, Remedy::Workers(4)),
        ] {
            let found = found(&usage(9, &[(Doing::Computing, 50), (doing, 50)]), 2);
            assert_eq!((found.doing, found.bottleneck.remedy, found.share), (Some(doing), remedy, 0.5));
            assert!(found.bottleneck.gain.is_some_and(|gain| gain > 1.5), "{found}");
        }
    }

    #[test]
    fn who_waits_for_a_processor_on_a_busy_machine_is_told_by_what_it_does_when_it_has_one() {
        let found = found(&usage(1, &[(Doing::Computing, 75), (Doing::Lock, 25)]), 2);
        assert_eq!(found.doing, Some(Doing::Lock), "{found}");
    }

    #[test]
    fn of_few_looks_nothing_is_said_but_what_processor_time_says() {
        let few = [(Doing::Lock, 3)];
        assert_eq!(found(&usage(17, &few), 2).doing, Some(Doing::Computing));
        let waits = found(&usage(3, &few), 2);
        assert_eq!(
            (waits.doing, waits.to_string()),
            (None, report().bottleneck().expect("as there").to_string())
        );
    }
}
