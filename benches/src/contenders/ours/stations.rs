//! Statistics of each weather station from a large file: one definition, run on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::stations::{BadReading, Reading, Stats, answer};
use pipe_core::{BlockingExecutor, Inline, skip};
use pipe_parallel::Parallel;
use pipe_stream::{Groups, decimal_at_end, lines};

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    stations(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    stations(job, &Inline)
}

/// Takes one line apart, from its end: a value is short, a name is not.
#[inline]
fn reading(line: &[u8]) -> Result<Reading<'_>, BadReading> {
    match decimal_at_end::<1>(line) {
        Ok(([name @ .., b';'], tenths)) => Ok(Reading { name, tenths }),
        _ => Err(BadReading),
    }
}

fn stations(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let report = lines(job.input()?)?
            .parse(reading)
            .on_error(skip())
            .fold(
                Groups::<Stats>::default,
                |stations, reading| stations.at(reading.name).add(reading.tenths),
                Groups::merge_with(|known: &mut Stats, stats| known.merge(&stats)),
            )
            .run_on(executor)?;
        Ok(answer(report.value.into_sorted()))
    })
}
