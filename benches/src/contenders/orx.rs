//! orx-parallel: it chooses its chunks while it runs. Over iterators it works on any, behind a lock of its own.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{source, work};
use crate::tasks::reduced::{answer, value, values};
use orx_parallel::{IntoParIter, IterIntoParIter, Par, ParCollection};

pub(crate) fn reduce_range(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let each = (0..job.size as usize).into_par().num_threads(job.workers);
        let sum = each.map(|index| value(index as u64, job.parameter)).reduce(u64::wrapping_add);
        Ok(answer(sum.unwrap_or_default()))
    })
}

pub(crate) fn reduce_slice(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let each = values.par().num_threads(job.workers).map(|x| work(*x, job.parameter));
        Ok(answer(each.reduce(u64::wrapping_add).unwrap_or_default()))
    })
}

pub(crate) fn reduce_iterator(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let each = source(job.size).iter_into_par().num_threads(job.workers).map(|x| work(x, job.parameter));
        Ok(answer(each.reduce(u64::wrapping_add).unwrap_or_default()))
    })
}
