//! tokio alone: a task for each operation, and a semaphore; or a task for each that may be in flight.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::computing::{computes, on_all_threads};
use crate::tasks::operations::{ANSWER, MILLISECOND, add, half_together, sleeps, together};
use crate::tasks::rate;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Waits for a future on a runtime of one thread, which is the calling one.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, BoxError> {
    Ok(Builder::new_current_thread().enable_time().build()?.block_on(future))
}

/// What a user would write first: the next operation starts when the one before is over.
pub(crate) fn one_by_one(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || one_after_the_other(job.size, MILLISECOND))
}

/// One operation alone, again and again: so many times as much is the most that so many in flight can bring.
pub(crate) fn alone(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || one_after_the_other(job.size, ANSWER))
}

fn one_after_the_other(operations: u64, takes: Duration) -> Result<u64, BoxError> {
    block_on(async {
        let mut sum = 0;
        for n in 0..operations {
            sum = add(sum, sleeps(n, sleep(takes)).await);
        }
        sum
    })
}

/// A tick before each operation.
pub(crate) fn interval(job: &Job) -> Result<Outcome, BoxError> {
    rate::in_the_long_run(job, || block_on(rate::by_interval(job.size)))
}

/// The same, for its windows.
pub(crate) fn interval_in_any_window(job: &Job) -> Result<Outcome, BoxError> {
    rate::in_any_window(job, || block_on(rate::by_interval(job.size)))
}

pub(crate) fn join_set(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || {
        block_on(async {
            let permits = Arc::new(Semaphore::new(job.parameter as usize));
            let (mut tasks, mut sum) = (JoinSet::new(), 0);
            for n in 0..job.size {
                let permit = permits.clone().acquire_owned().await.expect("nobody closes it");
                tasks.spawn(async move {
                    let output = sleeps(n, sleep(MILLISECOND)).await;
                    drop(permit);
                    output
                });
                while let Some(output) = tasks.try_join_next() {
                    sum = add(sum, output.expect("no operation panics"));
                }
            }
            while let Some(output) = tasks.join_next().await {
                sum = add(sum, output.expect("no operation panics"));
            }
            sum
        })
    })
}

/// A task for each operation that may be in flight, on as many threads as the job says.
pub(crate) fn computing(job: &Job) -> Result<Outcome, BoxError> {
    let runtime = Builder::new_multi_thread().worker_threads(job.workers).build()?;
    on_all_threads(job, || {
        runtime.block_on(async {
            let (next, size) = (Arc::new(AtomicU64::new(0)), job.size);
            let member = |_| {
                let next = next.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    loop {
                        match next.fetch_add(1, Relaxed) {
                            n if n < size => sum = add(sum, computes(n).await),
                            _ => return sum,
                        }
                    }
                })
            };
            let (members, mut sum) = ((0..job.parameter).map(member).collect::<Vec<_>>(), 0);
            for member in members {
                sum = add(sum, member.await?);
            }
            Ok(sum)
        })
    })
}

/// As many tasks as operations may be in flight, each with a state of its own, and one operation after the other. On a runtime of one
/// thread, with sockets, as ours has it.
pub(crate) fn crew<S, Made, Fut>(
    job: &Job,
    make: impl Fn() -> Made,
    operation: impl Fn(S, u64) -> Fut + Clone + Send + 'static,
) -> Result<u64, BoxError>
where
    S: Send + 'static,
    Made: Future<Output = S> + Send + 'static,
    Fut: Future<Output = (S, u64)> + Send,
{
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (next, size) = (Arc::new(AtomicU64::new(0)), job.size);
        let member = |_| {
            let (next, made, operation) = (next.clone(), make(), operation.clone());
            tokio::spawn(async move {
                let (mut state, mut sum) = (made.await, 0);
                loop {
                    let n = next.fetch_add(1, Relaxed);
                    if n >= size {
                        return sum;
                    }
                    let (back, output) = operation(state, n).await;
                    (state, sum) = (back, add(sum, output));
                }
            })
        };
        let (members, mut sum) = ((0..job.parameter).map(member).collect::<Vec<_>>(), 0);
        for member in members {
            sum = add(sum, member.await?);
        }
        Ok(sum)
    })
}
