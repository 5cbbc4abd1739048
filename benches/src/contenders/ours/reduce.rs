//! Work of a known cost on each item, and the sum of all.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{source, work};
use crate::tasks::reduced::{answer, value, values};
use pipe_core::{from_chunks, from_iter, from_range};
use pipe_parallel::Parallel;

fn all_workers(job: &Job) -> Parallel {
    Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT)
}

fn add(sum: &mut u64, x: u64) {
    *sum = sum.wrapping_add(x);
}

pub(crate) fn range(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let sum = from_range(0..usize::try_from(job.size)?)
            .map(move |index| value(index as u64, rounds))
            .fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}

/// Elements in a part of the slice: some 10 us of cheap ones.
const PART: usize = 4096;

/// By parts, as the guide says of work that takes a few nanoseconds an element.
pub(crate) fn slice(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let rounds = job.parameter;
        let part = move |part: &[u64]| part.iter().map(|x| work(*x, rounds)).fold(0, u64::wrapping_add);
        let sum = from_chunks(&values, PART).map(part).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}

/// Element by element.
pub(crate) fn slice_by_index(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let (values, rounds) = (&values[..], job.parameter);
        let at = move |index: usize| work(values[index], rounds);
        let sum = from_range(0..values.len()).map(at).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}

pub(crate) fn iterator(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let sum = from_iter(source(job.size)).map(move |x| work(x, rounds)).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&all_workers(job))?.value))
    })
}
