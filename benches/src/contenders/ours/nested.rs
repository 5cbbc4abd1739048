//! A pipeline in the stage of another, both on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::nested::{INNER, value};
use crate::tasks::reduced::answer;
use pipe_core::{RunError, from_iter};
use pipe_parallel::Parallel;

fn add(sum: &mut u64, x: u64) {
    *sum = sum.wrapping_add(x);
}

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let executor = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT);
    timed(job.size * INNER, || {
        let inner = |outer: u64| -> Result<u64, RunError> {
            let values = from_iter(0..INNER).map(|inner| value(outer, inner));
            Ok(values.fold(u64::default, add, add).run_on(&executor)?.value)
        };
        let sum = from_iter(0..job.size).try_map(inner).fold(u64::default, add, add);
        Ok(answer(sum.run_on(&executor)?.value))
    })
}
