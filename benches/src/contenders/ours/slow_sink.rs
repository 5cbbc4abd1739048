//! A text that comes faster than the sink takes it: one definition on every executor, and one with operations.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::slow::{Digest, Generated, twice};
use pipe_async::Async;
use pipe_core::{BlockingExecutor, Inline, Sink};
use pipe_mem::{Lazy, Prefetch};
use pipe_parallel::Parallel;
use pipe_stream::Lines;

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    digest(job, &Inline)
}

pub(crate) fn lazy(job: &Job) -> Result<Outcome, BoxError> {
    digest(job, &Lazy::new().memory_limit(MEMORY_LIMIT).prefetch(Prefetch::OneBatch))
}

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    digest(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

fn digest(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::from_reader(Generated::new(job.size)).pipeline();
        Ok(lines.map(<[u8]>::to_vec).to(Digest::default()).run_on(executor)?.value)
    })
}

pub(crate) fn on_tokio(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::from_reader(Generated::new(job.size)).pipeline();
        let sent = lines.map(<[u8]>::to_vec).map_async(twice).concurrency(1000);
        Ok(sent.to(Digest::default()).run_on(&Async::tokio().memory_limit(MEMORY_LIMIT).blocking())?.value)
    })
}

pub(crate) fn on_monoio(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::from_reader(Generated::new(job.size)).pipeline();
        let sent = lines.map(<[u8]>::to_vec).map_async(twice).concurrency(1000);
        Ok(sent.to(Digest::default()).run_on(&Async::monoio().memory_limit(MEMORY_LIMIT).blocking())?.value)
    })
}

impl Sink<Vec<u8>> for Digest {
    type Done = Self;

    fn write(&mut self, record: Vec<u8>) -> Result<(), BoxError> {
        self.add(&record);
        Ok(())
    }

    fn commit(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}
