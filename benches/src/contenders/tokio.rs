//! tokio alone: a task for each operation, and a semaphore.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::operations::{MILLISECOND, add, sleeps, together};
use std::sync::Arc;
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
    timed(job.size, || {
        block_on(async {
            let mut sum = 0;
            for n in 0..job.size {
                sum = add(sum, sleeps(n, sleep(MILLISECOND)).await);
            }
            sum
        })
    })
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
