//! Eight cheap numeric stages, on the calling thread.

use crate::contender::{Job, instance};
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::numbers::{Filters, Predictable, Unpredictable, flip, lean, place, turn};
use pipe_core::{Inline, RunError, from_iter};

pub(crate) fn inline_predictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, sum[Predictable], job.size)?))
}

pub(crate) fn inline_unpredictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, sum[Unpredictable], job.size)?))
}

#[inline(never)]
fn sum<F: Filters, const K: u64>(n: u64) -> Result<u64, RunError> {
    let report = from_iter(0..n)
        .map(place::<K>)
        .map(F::spread)
        .filter(|x| F::first(*x))
        .map(lean)
        .map(flip)
        .filter(|x| F::second(*x))
        .map(turn)
        .fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all = all.wrapping_add(part))
        .run_on(&Inline)?;
    Ok(report.value)
}
