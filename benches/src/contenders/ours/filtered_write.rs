//! Every line with a literal, from one file to another, in order, on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::COMMON;
use crate::tasks::written::Written;
use memchr::memmem::Finder;
use pipe_parallel::Parallel;
use pipe_stream::{AsLines, Encode, FileSink, lines};

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let outcome = timed(job.size, || {
        let literal = Finder::new(COMMON);
        lines(job.input()?)?
            .filter(move |line| literal.find(line).is_some())
            .encode(AsLines)
            .to(FileSink::create(written.path())?)
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        Ok("")
    })?;
    Ok(Outcome { answer: written.answer()?, ..outcome })
}
