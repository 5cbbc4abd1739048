//! Buffers from a pool of ours.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::buffers::{CAPACITY, READY, on_threads, touch};
use pipe_mem::{LimitedPool, Pool, SimplePool};

pub(crate) fn pool(job: &Job) -> Result<Outcome, BoxError> {
    let pool = Pool::new(|| Vec::with_capacity(CAPACITY), Vec::clear);
    timed(job.size, || Ok(on_threads(job, |index| touch(&mut pool.get(), index))))
}

pub(crate) fn limited(job: &Job) -> Result<Outcome, BoxError> {
    let pool = LimitedPool::new(READY, || Vec::with_capacity(CAPACITY), Vec::clear)?;
    timed(job.size, || {
        Ok(on_threads(job, |index| touch(&mut pool.try_get().expect("no thread has two"), index)))
    })
}

pub(crate) fn simple(job: &Job) -> Result<Outcome, BoxError> {
    let pool = SimplePool::new(READY, || Vec::with_capacity(CAPACITY), Vec::clear)?;
    timed(job.size, || {
        Ok(on_threads(job, |index| touch(&mut pool.try_get().expect("no thread has two"), index)))
    })
}
