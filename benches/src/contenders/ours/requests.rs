//! Requests over pooled connections; source and sink on threads or in the task.

use super::operations::Ends;
use crate::contender::Job;
use crate::echo_server::EchoServer;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{add, during, together};
use pipe_async::{Async, ConnectionPool, Dial, Endpoint, Framing, PoolSettings, WireLimits};
use pipe_core::from_iter;

pub(crate) fn pooled(job: &Job) -> Result<Outcome, BoxError> {
    requests(job, &Ends::OnThreads)
}

pub(crate) fn pooled_in_task(job: &Job) -> Result<Outcome, BoxError> {
    requests(job, &Ends::InTask)
}

fn requests(job: &Job, ends: &Ends) -> Result<Outcome, BoxError> {
    let server = EchoServer::start()?;
    let dial = Dial::new(Endpoint::tcp(&server.address), Framing::Prefixed, WireLimits::default())?;
    let connections = job.parameter as usize;
    let settings =
        PoolSettings { max_open: connections, max_connecting: connections, ..PoolSettings::default() };
    let pool = ConnectionPool::new(dial, settings)?;
    let request = async move |n: u64, pool: ConnectionPool<Dial>| -> Result<u64, BoxError> {
        let mut wire = pool.acquire().await?;
        wire.send(&n.to_be_bytes()).await?;
        let answer = wire.receive().await?.ok_or("it has closed")?.try_into()?;
        wire.reuse();
        Ok(u64::from_be_bytes(answer))
    };
    together(job, || {
        let answers = from_iter(0..job.size).try_map_async(move |n| during(request(n, pool.clone())));
        let answers = answers.concurrency(connections).unordered();
        let sum = answers.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
        let report = match ends {
            Ends::OnThreads => sum.run_on(&Async::tokio().blocking()),
            Ends::InTask => sum.run_on(&Async::tokio().in_task().blocking()),
        };
        Ok(report?.value)
    })
}
