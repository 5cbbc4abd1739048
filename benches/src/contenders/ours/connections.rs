//! Many operations on few connections of a pool; source and sink on threads or in the task.

use super::operations::Ends;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::connections::{Connection, MOST, PATIENCE, Percentile, exchange, waits};
use crate::tasks::operations::add;
use crate::tasks::stops::{percentile_99, percentile_999};
use pipe_async::{Async, ConnectionPool, PoolSettings};
use pipe_core::from_iter;
use std::convert::Infallible;

pub(crate) fn acquire(job: &Job) -> Result<Outcome, BoxError> {
    acquires(job, percentile_99, &Ends::OnThreads)
}

pub(crate) fn acquire_999(job: &Job) -> Result<Outcome, BoxError> {
    acquires(job, percentile_999, &Ends::OnThreads)
}

pub(crate) fn acquire_in_task(job: &Job) -> Result<Outcome, BoxError> {
    acquires(job, percentile_99, &Ends::InTask)
}

fn acquires(job: &Job, percentile: Percentile, ends: &Ends) -> Result<Outcome, BoxError> {
    let settings = PoolSettings {
        max_open: MOST,
        max_connecting: MOST,
        acquire_timeout: PATIENCE,
        ..PoolSettings::default()
    };
    let pool = ConnectionPool::new(|| async { Ok::<_, Infallible>(Connection::open()) }, settings)?;
    waits(job, percentile, || {
        let answers = from_iter(0..job.size).map_async(move |n| {
            let pool = pool.clone();
            async move {
                let acquire = async { pool.acquire().await.expect("nobody waits that long") };
                exchange(n, acquire, |lent| &mut **lent, |lent| lent.reuse()).await
            }
        });
        let answers = answers.concurrency(job.parameter as usize).unordered();
        let sum = answers.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
        let report = match ends {
            Ends::OnThreads => sum.run_on(&Async::tokio().blocking()),
            Ends::InTask => sum.run_on(&Async::tokio().in_task().blocking()),
        };
        Ok(report?.value)
    })
}
