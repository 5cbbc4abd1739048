//! The lines of a text in chunks of one size or another: `job.parameter` has their bytes.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text;
use pipe_core::{Batch, Flow, Source, Want};
use pipe_parallel::Parallel;
use pipe_stream::{Backend, Lines, Mapping};

pub(crate) fn read(job: &Job) -> Result<Outcome, BoxError> {
    one_by_one(job, Backend::Buffered)
}

pub(crate) fn leased(job: &Job) -> Result<Outcome, BoxError> {
    one_by_one(job, Backend::Mapped(Mapping::leased().strict()))
}

/// Not on an executor, which would ask for 256 KiB at most.
fn one_by_one(job: &Job, backend: Backend) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let want = Want { items: usize::MAX, bytes: job.parameter as usize };
        let mut source = Lines::open(job.input()?)?.backend(backend).buffer(want.bytes);
        let mut lines = 0;
        while let Some(mut chunk) = source.pull(want)? {
            chunk.load()?;
            lines += chunk.drive(usize::MAX, |_, _| Flow::Continue(()));
            chunk.check()?;
        }
        Ok(text::lines(lines as u64))
    })
}

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::open(job.input()?)?.buffer(job.parameter as usize).pipeline();
        let count = lines.fold(u64::default, |all, _| *all += 1, |all, part| *all += part);
        let parallel = Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT);
        Ok(text::lines(count.run_on(&parallel)?.value))
    })
}
