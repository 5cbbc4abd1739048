//! A program that is told of no limit, in a control group with half of the memory that it would take.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::memory_group::MemoryGroup;
use crate::tasks::slow::{Digest, Generated};
use pipe_parallel::Parallel;
use pipe_stream::Lines;

/// Half of what a run takes at most where there is enough.
pub(crate) const HALF: u64 = 128 << 20;

pub(crate) fn in_half(job: &Job) -> Result<Outcome, BoxError> {
    let _group = MemoryGroup::enter(HALF)?;
    unlimited(job)
}

pub(crate) fn unlimited(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::from_reader(Generated::new(job.size)).pipeline();
        let digest = lines.map(<[u8]>::to_vec).to(Digest::default());
        Ok(digest.run_on(&Parallel::new().workers(job.workers))?.value)
    })
}
