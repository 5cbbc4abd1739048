//! Two fields of the events that are errors, by serde_json, on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::ndjson_errors::{Errors, Event};
use pipe_core::{BlockingExecutor, Inline, rows};
use pipe_parallel::Parallel;
use pipe_stream::{Containing, Lines, lines};

rows!(Event);

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    errors(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    errors(job, &Inline)
}

pub(crate) fn filtered_parallel(job: &Job) -> Result<Outcome, BoxError> {
    filtered(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

pub(crate) fn filtered_inline(job: &Job) -> Result<Outcome, BoxError> {
    filtered(job, &Inline)
}

/// One look at the whole line whether it is UTF-8 costs less than one at each text in it, which `from_slice` does.
fn event(line: &[u8]) -> Result<Event<'_>, BoxError> {
    Ok(serde_json::from_str(str::from_utf8(line)?)?)
}

fn errors(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let events = lines(job.input()?)?.parse(event);
        let errors = events.fold(Errors::default, |errors, event| errors.add(&event), Errors::merge);
        Ok(errors.run_on(executor)?.value)
    })
}

/// Only lines with the literal are parsed: some have it in another field, which the fold finds out.
fn filtered(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let lines = Lines::open(job.input()?)?.framed(Containing::new("ERROR")?).pipeline();
        let errors =
            lines.parse(event).fold(Errors::default, |errors, event| errors.add(&event), Errors::merge);
        Ok(errors.run_on(executor)?.value)
    })
}
