//! paralight: ranges and slices only, cut evenly beforehand, which is the best for items that all cost the same.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::work;
use crate::tasks::reduced::{answer, value, values};
use paralight::prelude::*;
use std::num::NonZero;

fn pool(job: &Job) -> Result<ThreadPool, BoxError> {
    let workers = NonZero::new(job.workers).ok_or("no workers")?;
    Ok(ThreadPoolBuilder {
        num_threads: ThreadCount::Count(workers),
        range_strategy: RangeStrategy::Fixed,
        cpu_pinning: CpuPinningPolicy::No,
    }
    .build())
}

pub(crate) fn reduce_range(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut pool = pool(job)?;
        let each = (0..job.size as usize).into_par_iter().with_thread_pool(&mut pool);
        let each = each.map(|index| value(index as u64, job.parameter));
        Ok(answer(each.reduce(|| 0, u64::wrapping_add)))
    })
}

pub(crate) fn reduce_slice(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let mut pool = pool(job)?;
        let each = values.par_iter().with_thread_pool(&mut pool).map(|x| work(*x, job.parameter));
        Ok(answer(each.reduce(|| 0, u64::wrapping_add)))
    })
}
