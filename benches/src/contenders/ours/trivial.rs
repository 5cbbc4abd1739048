//! So little work that what a pipeline does around it shows; on the executor for many cores, which finds that out.

use crate::contender::Job;
use crate::contenders::trivial::BLOCKS;
use crate::measure::{BoxError, Outcome, fastest};
use pipe_core::{RunError, from_iter};
use pipe_parallel::Parallel;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    let size = job.size;
    let run = || -> Result<Vec<String>, RunError> {
        Ok(from_iter(0..size).map(|n| n.to_string()).collect().run_on(&Parallel::new())?.value)
    };
    let mut texts = Ok(Vec::new());
    let fastest = fastest(size, BLOCKS, || texts = run());
    Ok(fastest.answered(texts?.concat()))
}
