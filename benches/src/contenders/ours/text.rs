//! What is asked of a large text: one definition each, on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::{self, Counts, Found, RARE};
use memchr::memmem::Finder;
use pipe_core::{BlockingExecutor, Inline};
use pipe_parallel::Parallel;
use pipe_stream::lines;

fn all_workers(job: &Job) -> Parallel {
    Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT)
}

pub(crate) fn lines_parallel(job: &Job) -> Result<Outcome, BoxError> {
    count(job, &all_workers(job))
}

pub(crate) fn lines_inline(job: &Job) -> Result<Outcome, BoxError> {
    count(job, &Inline)
}

fn count(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let counted =
            lines(job.input()?)?.fold(u64::default, |count, _| *count += 1, |all, part| *all += part);
        Ok(text::lines(counted.run_on(executor)?.value))
    })
}

pub(crate) fn words_parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let counted = lines(job.input()?)?.fold(Counts::default, Counts::add, Counts::merge);
        Ok(counted.run_on(&all_workers(job))?.value)
    })
}

pub(crate) fn filter_parallel(job: &Job) -> Result<Outcome, BoxError> {
    filter(job, &all_workers(job))
}

pub(crate) fn filter_inline(job: &Job) -> Result<Outcome, BoxError> {
    filter(job, &Inline)
}

fn filter(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let literal = Finder::new(RARE);
        let kept = lines(job.input()?)?.filter(move |line| literal.find(line).is_some()).map(<[u8]>::to_vec);
        let mut found = Found::default();
        kept.collect().run_on(executor)?.value.iter().for_each(|line| found.add(line));
        Ok(found)
    })
}
