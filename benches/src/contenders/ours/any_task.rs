//! Any task on all workers, into one serial sink, without a chunk size.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Ordered, Unordered};
use crate::tasks::task::Task;
use pipe_core::from_iter;
use pipe_parallel::Parallel;

pub(crate) fn ordered<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let mut sink = Ordered::default();
        from_iter(items)
            .map(T::work)
            .for_each(|output| sink.take(T::digest(&output)))
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(sink.answer())
    })
}

pub(crate) fn unordered<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let mut sink = Unordered::default();
        from_iter(items)
            .map(T::work)
            .unordered()
            .for_each(|output| sink.take(T::digest(&output)))
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(sink.answer())
    })
}
