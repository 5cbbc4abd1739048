//! Work of a known cost on each item, on all workers, into one serial sink.
use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Ordered, Unordered, source, work};
use pipe_core::{Sink, from_iter};
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let report = from_iter(source(job.size))
            .map(move |x| work(x, rounds))
            .to(Ordered::default())
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(report.value.answer())
    })
}

pub(crate) fn parallel_unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let report = from_iter(source(job.size))
            .map(move |x| work(x, rounds))
            .unordered()
            .to(Unordered::default())
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(report.value.answer())
    })
}

// Not `for_each`: a sink that owns its sum keeps it in a register, a closure that borrows one has it in memory.
impl Sink<u64> for Ordered {
    type Done = Self;

    #[inline]
    fn write(&mut self, x: u64) -> Result<(), BoxError> {
        self.take(x);
        Ok(())
    }

    fn commit(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}

impl Sink<u64> for Unordered {
    type Done = Self;

    #[inline]
    fn write(&mut self, x: u64) -> Result<(), BoxError> {
        self.take(x);
        Ok(())
    }

    fn commit(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}
