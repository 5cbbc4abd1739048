//! Many numbers become one.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{digits, ends, per_number, reduced, widest};

pub(crate) fn sum(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.sum(x), digits)
}

pub(crate) fn dot(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, y| simd.dot(x, y), |sum| per_number(job, sum))
}

pub(crate) fn range(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.min_max(x).unwrap_or_default(), ends)
}
