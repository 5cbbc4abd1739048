//! A file that is read, and of which nothing is made but its length.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed, timed_reads};
use pipe_core::{Inline, default_memory_limit};
use pipe_stream::Lines;

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let blocks = Lines::open(job.input()?)?.blocks().pipeline();
        let bytes =
            blocks.fold(u64::default, |all, block| *all += block.len() as u64, |all, part| *all += part);
        Ok(format!("{} bytes", bytes.run_on(&Inline)?.value))
    })
}

/// One item is one chunk. How much memory there is, a process asks once, however much it reads.
pub(crate) fn reads(job: &Job) -> Result<Outcome, BoxError> {
    default_memory_limit();
    timed_reads(job.size, || {
        let chunks = Lines::open(job.input()?)?.blocks().pipeline();
        let count = |(bytes, chunks): &mut (u64, u64), chunk: &[u8]| {
            *bytes += chunk.len() as u64;
            *chunks += 1;
        };
        let add = |all: &mut (u64, u64), part: (u64, u64)| (all.0, all.1) = (all.0 + part.0, all.1 + part.1);
        let (bytes, chunks) = chunks.fold(Default::default, count, add).run_on(&Inline)?.value;
        Ok((format!("{bytes} bytes"), chunks))
    })
}
