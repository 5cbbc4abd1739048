//! What it costs to watch a run: the same batches, told to `Counters`, to an observer that does nothing, and to nobody.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::even_batches::{EvenBatches, WholeBatches, work};
use pipe_core::{Observed, RunError, SystemClock, from_source};
use pipe_metrics::Counters;

pub(crate) fn counted(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::Counters)?))
}

pub(crate) fn told(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::Null)?))
}

pub(crate) fn unobserved(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(run(job.size, Watched::Nobody)?))
}

/// By whom.
enum Watched {
    Counters,
    Null,
    Nobody,
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
        Watched::Counters => sum.observe(Counters::new().of("numbers")),
        Watched::Null => sum.observe(|_: &Observed<'_>| {}),
        Watched::Nobody => sum,
    };
    Ok(sum.run_on(&WholeBatches)?.value)
}
