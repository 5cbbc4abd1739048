//! The sum of one column of a quoted table, found by its name, on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::csv_sum::Sum;
use pipe_core::{BlockingExecutor, Inline};
use pipe_parallel::Parallel;
use pipe_stream::{csv, decimal};

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    sum(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    sum(job, &Inline)
}

fn sum(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let sales = csv(job.input()?)?;
        let price = sales.column("price")?;
        let cents = sales.pipeline().try_map(move |row| -> Result<u64, BoxError> {
            Ok(decimal::<2>(row.field(price)?.raw())?.try_into()?)
        });
        Ok(cents.fold(Sum::default, |sum, cents| sum.add(cents), Sum::merge).run_on(executor)?.value)
    })
}
