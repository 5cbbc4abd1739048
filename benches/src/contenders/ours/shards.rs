//! Operations that compute, on as many drivers as there are threads for it.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::computing::{computes, on_all_threads};
use crate::tasks::operations::add;
use pipe_async::Async;
use pipe_core::from_iter;

pub(crate) fn computing(job: &Job) -> Result<Outcome, BoxError> {
    on_all_threads(job, || {
        let outputs = from_iter(0..job.size).map_async(computes).concurrency(job.parameter as usize);
        let sum =
            outputs.unordered().fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
        Ok(sum.run_on(&Async::tokio().shards(job.workers).blocking())?.value)
    })
}
