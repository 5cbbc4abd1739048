//! Four stages over lines: reading on one worker at a time, two on all of them, a sink in order.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::Ordered;
use crate::tasks::number_lines::{mixed, parse};
use pipe_parallel::Parallel;
use pipe_stream::lines;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let report = lines(job.input()?)?
            .try_map(parse)
            .map(mixed)
            .to(Ordered::default())
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok(report.value.answer())
    })
}
