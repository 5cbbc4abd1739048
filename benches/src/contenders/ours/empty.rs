//! A file that is read, and of which nothing is made but its length.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use pipe_core::Inline;
use pipe_stream::Lines;

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let blocks = Lines::open(job.input()?)?.blocks().pipeline();
        let bytes =
            blocks.fold(u64::default, |all, block| *all += block.len() as u64, |all, part| *all += part);
        Ok(format!("{} bytes", bytes.run_on(&Inline)?.value))
    })
}
