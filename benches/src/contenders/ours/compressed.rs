//! The lines of a compressed text: a file like any other, decoded beside who counts.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::lines as answer;
use pipe_core::Inline;
use pipe_stream::lines;

pub(crate) fn count(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let counted =
            lines(job.input()?)?.fold(u64::default, |count, _| *count += 1, |all, part| *all += part);
        Ok(answer(counted.run_on(&Inline)?.value))
    })
}
