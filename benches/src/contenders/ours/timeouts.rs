//! Operations with a timeout, and operations of which a few are slow.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{MILLISECOND, TIMEOUT, add, add_in_order, sleeps, tail, together};
use pipe_async::Async;
use pipe_core::from_iter;
use tokio::time::sleep;

fn timed<Fut>(job: &Job, operation: impl Fn(u64) -> Fut + Send + Sync + 'static) -> Result<u64, BoxError>
where
    Fut: Future<Output = u64> + Send + 'static,
{
    let outputs = from_iter(0..job.size).map_async(operation).timeout(TIMEOUT);
    let outputs = outputs.concurrency(job.parameter as usize).unordered();
    let sum = outputs.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    Ok(sum.run_on(&Async::tokio().blocking())?.value)
}

pub(crate) fn timed_out(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || timed(job, |n| sleeps(n, sleep(MILLISECOND))))
}

/// The same with a sleep that lies in the driver's wheel.
pub(crate) fn timed_out_in_wheel(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || timed(job, |n| sleeps(n, pipe_async::sleep(MILLISECOND))))
}

pub(crate) fn ordered(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || {
        let outputs = from_iter(0..job.size).map_async(|n| sleeps(n, sleep(tail(n))));
        // Wide enough that no slow operation ever holds up another, as far as `futures-buffered` goes: its queue of outputs has no bound.
        let outputs = outputs.concurrency(job.parameter as usize).window(job.size as usize);
        let outputs = outputs.scan(
            || 0,
            |sum, n| {
                *sum = add_in_order(*sum, n);
                *sum
            },
        );
        Ok(outputs
            .fold(|| 0, |last, n| *last = n, |all, part| *all = part)
            .run_on(&Async::tokio().blocking())?
            .value)
    })
}
