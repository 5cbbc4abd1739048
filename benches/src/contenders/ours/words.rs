//! How often each word is there, on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::blocks::{Frequencies, answer, blocks, count, merge};
use pipe_core::from_iter;
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let blocks = blocks(job.size, job.parameter);
    timed(job.size, || {
        let all = from_iter(blocks).fold(Frequencies::default, |all, block| count(all, &block), merge);
        let report = all.run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(answer(&report.value))
    })
}
