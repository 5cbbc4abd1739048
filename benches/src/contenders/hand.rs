//! Loops written by hand for the one case: what a pipeline would like to be as fast as.

use crate::contender::{Job, instance};
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Ordered, Unordered, source, work};
use crate::tasks::numbers::{Filters, Predictable, Unpredictable, flip, lean, place, turn};
use crate::tasks::rows;

pub(crate) fn fused_rows(job: &Job) -> Result<Outcome, BoxError> {
    let log = rows::log(job.size);
    timed(job.size, || Ok(instance!(job, rows_sum, &log)))
}

#[inline(never)]
fn rows_sum<const K: u64>(log: &[u8]) -> u64 {
    let mut sum = 0u64;
    for line in rows::lines(log) {
        let Ok(row) = rows::row(line) else { continue };
        if !rows::failed(&row) {
            continue;
        }
        let x = rows::weigh(rows::figures::<K>(row));
        if rows::sampled(&x) {
            sum = sum.wrapping_add(rows::turn(rows::lean(x)));
        }
    }
    sum
}

pub(crate) fn fused_numbers_predictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, numbers_sum[Predictable], job.size)))
}

pub(crate) fn fused_numbers_unpredictable(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(instance!(job, numbers_sum[Unpredictable], job.size)))
}

#[inline(never)]
fn numbers_sum<F: Filters, const K: u64>(n: u64) -> u64 {
    let mut sum = 0u64;
    for index in 0..n {
        let x = F::spread(place::<K>(index));
        if F::first(x) {
            let x = flip(lean(x));
            if F::second(x) {
                sum = sum.wrapping_add(turn(x));
            }
        }
    }
    sum
}

/// The plain sequential loop: where the work on an item is cheap, nothing parallel beats it.
pub(crate) fn ordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Ordered::default();
        for x in source(job.size) {
            sink.take(work(x, job.parameter));
        }
        Ok(sink.answer())
    })
}

pub(crate) fn unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Unordered::default();
        for x in source(job.size) {
            sink.take(work(x, job.parameter));
        }
        Ok(sink.answer())
    })
}
