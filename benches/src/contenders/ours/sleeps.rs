//! Operations that sleep: by the timer of the runtime, or in the wheel of their driver.

use super::operations::{Ends, unordered};
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{MILLISECOND, add, sleeps, together};
use pipe_async::Async;
use pipe_core::from_iter;
use tokio::time::sleep;

pub(crate) fn sleeping(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, Ends::OnThreads, |n| sleeps(n, sleep(MILLISECOND))))
}

pub(crate) fn sleeping_in_task(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, Ends::InTask, |n| sleeps(n, sleep(MILLISECOND))))
}

/// As `sleeping`, with a sleep that lies in the driver's wheel.
pub(crate) fn in_wheel(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, Ends::OnThreads, |n| sleeps(n, pipe_async::sleep(MILLISECOND))))
}

fn unordered_on_monoio<Fut>(
    job: &Job,
    operation: impl Fn(u64) -> Fut + Send + Sync + 'static,
) -> Result<u64, BoxError>
where
    Fut: Future<Output = u64> + 'static,
{
    let outputs = from_iter(0..job.size).map_async(operation).concurrency(job.parameter as usize).unordered();
    let sum = outputs.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    Ok(sum.run_on(&Async::monoio().blocking())?.value)
}

pub(crate) fn on_monoio(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered_on_monoio(job, |n| sleeps(n, monoio::time::sleep(MILLISECOND))))
}

/// As `in_wheel`, on monoio.
pub(crate) fn in_wheel_on_monoio(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered_on_monoio(job, |n| sleeps(n, pipe_async::sleep(MILLISECOND))))
}
