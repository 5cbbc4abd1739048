//! What is asked of a large text: one definition each, on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::{self, Counts, Found, RARE};
use memchr::memchr_iter;
use pipe_core::{BlockingExecutor, Inline};
use pipe_parallel::Parallel;
use pipe_stream::{Containing, Lines, Tally};

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
        let blocks = Lines::open(job.input()?)?.blocks().pipeline();
        let count = |all: &mut u64, block: &[u8]| *all += memchr_iter(b'\n', block).count() as u64;
        Ok(text::lines(blocks.fold(u64::default, count, |all, part| *all += part).run_on(executor)?.value))
    })
}

pub(crate) fn words_parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let tallies = Lines::open(job.input()?)?.blocks().pipeline().map(Tally::of);
        let total = tallies.fold(Tally::default, |all, one| *all += one, |all, part| *all += part);
        let Tally { lines, words, bytes } = total.run_on(&all_workers(job))?.value;
        Ok(Counts { lines, words, bytes })
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
        let kept = Lines::open(job.input()?)?.framed(Containing::new(RARE)?).pipeline().map(<[u8]>::to_vec);
        let mut found = Found::default();
        kept.collect().run_on(executor)?.value.iter().for_each(|line| found.add(line));
        Ok(found)
    })
}
