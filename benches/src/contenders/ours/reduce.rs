//! Work of a known cost on each item, and the sum of all.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{source, work};
use crate::tasks::reduced::{answer, value, values};
use pipe_core::from_iter;
use pipe_parallel::Parallel;

fn all_workers(job: &Job) -> Parallel {
    Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT)
}

fn add(sum: &mut u64, x: u64) {
    *sum = sum.wrapping_add(x);
}

// Once there is a source that is split without a lock, ranges and slices come from it here.
pub(crate) fn range(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let sum = from_iter(0..job.size).map(|index| value(index, rounds)).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}

pub(crate) fn slice(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let rounds = job.parameter;
        let sum = from_iter(values.iter().copied()).map(|x| work(x, rounds)).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}

pub(crate) fn iterator(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let sum = from_iter(source(job.size)).map(|x| work(x, rounds)).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}
