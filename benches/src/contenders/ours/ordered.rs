//! Work of a known cost on each item, on all workers, into one serial sink.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Ordered, Unordered, source, work};
use pipe_core::from_iter;
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (rounds, mut sink) = (job.parameter, Ordered::default());
        from_iter(source(job.size))
            .map(|x| work(x, rounds))
            .for_each(|x| sink.take(x))
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(sink.answer())
    })
}

pub(crate) fn parallel_unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (rounds, mut sink) = (job.parameter, Unordered::default());
        from_iter(source(job.size))
            .map(|x| work(x, rounds))
            .unordered()
            .for_each(|x| sink.take(x))
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(sink.answer())
    })
}
