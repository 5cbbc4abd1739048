//! Many numbers become one.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{ends, per_number, reduced, total, widest};

pub(crate) fn sum(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.sum(x), |sum| total(job, sum))
}

pub(crate) fn dot(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, y| simd.dot(x, y), |sum| per_number(job, sum))
}

pub(crate) fn range(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.min_max(x).unwrap_or_default(), ends)
}
