//! Many numbers become one.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{digits, ends, reduced, widest};

pub(crate) fn sum(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.sum(x), digits)
}

pub(crate) fn dot(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, y| simd.dot(x, y), digits)
}

pub(crate) fn range(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    reduced(job, |x, _| simd.min_max(x).unwrap_or_default(), ends)
}
