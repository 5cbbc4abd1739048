//! A live source, on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::paced::{Paced, handle, latencies};
use pipe_core::from_iter;
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let executor = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT).low_latency();
    latencies(job.size, |sink| {
        let items = from_iter(Paced::new(job.size, job.parameter)).map(handle).unordered();
        items.for_each(|item| sink.take(item)).run_on(&executor)?;
        Ok(())
    })
}
