//! `std::iter`: the chain that every Rust programmer writes, on one thread and in memory.

use crate::contender::{Job, instance};
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::numbers::{Filters, Predictable, Unpredictable, flip, lean, place, turn};
use crate::tasks::rows;

pub(crate) fn fused_rows(job: &Job) -> Result<Outcome, BoxError> {
    let log = rows::log(job.size);
    timed(job.size, || Ok(instance!(job, rows_sum, &log)))
}

#[inline(never)]
fn rows_sum<const K: u64>(log: &[u8]) -> u64 {
    rows::lines(log)
        .filter_map(|line| rows::row(line).ok())
        .filter(rows::failed)
        .map(rows::figures::<K>)
        .map(rows::weigh)
        .filter(rows::sampled)
        .map(rows::lean)
        .map(rows::turn)
        .fold(0, u64::wrapping_add)
}

pub(crate) fn fused_numbers_predictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, numbers_sum[Predictable], job.size)))
}

pub(crate) fn fused_numbers_unpredictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, numbers_sum[Unpredictable], job.size)))
}

#[inline(never)]
fn numbers_sum<F: Filters, const K: u64>(n: u64) -> u64 {
    (0..n)
        .map(place::<K>)
        .map(F::spread)
        .filter(|x| F::first(*x))
        .map(lean)
        .map(flip)
        .filter(|x| F::second(*x))
        .map(turn)
        .fold(0, u64::wrapping_add)
}
