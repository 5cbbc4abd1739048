//! Operations in flight, on tokio; source and sink on threads or in the task.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::operations::{self, add, together};
use pipe_async::Async;
use pipe_core::from_iter;

/// Where source and sink run.
pub(crate) enum Ends {
    OnThreads,
    InTask,
}

pub(super) fn unordered<Fut>(
    job: &Job,
    ends: Ends,
    operation: impl Fn(u64) -> Fut + Send + Sync + 'static,
) -> Result<u64, BoxError>
where
    Fut: Future<Output = u64> + Send + 'static,
{
    let outputs = from_iter(0..job.size).map_async(operation).concurrency(job.parameter as usize).unordered();
    let sum = outputs.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    let report = match ends {
        Ends::OnThreads => sum.run_on(&Async::tokio().blocking()),
        Ends::InTask => sum.run_on(&Async::tokio().in_task().blocking()),
    };
    Ok(report?.value)
}

pub(crate) fn ready(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || unordered(job, Ends::OnThreads, operations::ready))
}

pub(crate) fn ready_in_task(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || unordered(job, Ends::InTask, operations::ready))
}

pub(crate) fn yielding(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, Ends::OnThreads, operations::yields))
}

pub(crate) fn yielding_in_task(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, Ends::InTask, operations::yields))
}
