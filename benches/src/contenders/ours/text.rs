//! What is asked of a large text: one definition each, on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::{self, Counts, Found, RARE};
use pipe_core::{BlockingExecutor, Inline};
use pipe_parallel::Parallel;
use pipe_stream::{Backend, Containing, Lines, Mapping, Opened, Tally, line_feeds};

fn all_workers(job: &Job) -> Parallel {
    Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT)
}

pub(crate) fn lines_parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || count(Lines::open(job.input()?)?, &all_workers(job)))
}

pub(crate) fn lines_inline(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || count(Lines::open(job.input()?)?, &Inline))
}

/// Mapped, which spares a copy, as long as nobody wants to write to the file.
pub(crate) fn lines_leased(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || count(Lines::open(job.input()?)?.backend(Backend::Mapped(Mapping::leased())), &Inline))
}

fn count(lines: Lines<Opened>, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<String, BoxError> {
    let counts = lines.blocks().pipeline().map(line_feeds);
    let count = counts.fold(u64::default, |all, one| *all += one, |all, part| *all += part);
    Ok(text::lines(count.run_on(executor)?.value))
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
