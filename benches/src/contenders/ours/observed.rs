//! What it costs to watch a run: the same batches, told to `Counters`, to an observer that does nothing, and to nobody.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::even_batches::{EvenBatches, WholeBatches, work};
use pipe_core::{Observed, RunError, SystemClock, from_source};
use pipe_metrics::Counters;

pub(crate) fn counted(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::ByCounters)?))
}

pub(crate) fn told(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::ByNull)?))
}

pub(crate) fn unobserved(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::ByNobody)?))
}

enum Watched {
    ByCounters,
    ByNull,
    ByNobody,
}

/// One function for all: so that they differ in who observes and in nothing else.
#[inline(never)]
fn run(items: u64, watched: Watched) -> Result<u64, RunError> {
    let sum = from_source(EvenBatches::new(items))
        .map(work)
        .fold(|| 0, |sum: &mut u64, n| *sum = sum.wrapping_add(n), |all, part| *all = all.wrapping_add(part))
        // The account looks at the real one; only batches are not sized by it.
        .clocked_by(SystemClock::new());
    let sum = match watched {
        Watched::ByCounters => sum.observe(Counters::new().of("numbers")),
        Watched::ByNull => sum.observe(|_: &Observed<'_>| {}),
        Watched::ByNobody => sum,
    };
    Ok(sum.run_on(&WholeBatches)?.value)
}
