//! A column of scores: centred, scaled, bounded, exponentiated and added up, in tiles that stay in the cache.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::numeric::{numbers, scored, tiled_with_widest};
use pipe_cache::Tiled;
use pipe_core::kernel::{Blocks, Program, Sum};
use pipe_core::{Executor, RunError, from_source};
use pipe_parallel::Parallel;

/// Numbers in a block.
const BLOCK: usize = 16 << 10;

pub(crate) fn tiled(job: &Job) -> Result<Outcome, BoxError> {
    run(job, &Tiled::new())
}

pub(crate) fn tiled_parallel(job: &Job) -> Result<Outcome, BoxError> {
    run(job, &Parallel::new().workers(job.workers).kernels(Tiled::new()))
}

fn run<'p, X: Executor<'p, Ran = Result<(), RunError>>>(job: &Job, on: &X) -> Result<Outcome, BoxError> {
    let readings = numbers(job.size as usize, 1).to_vec();
    timed(job.size, || {
        let score = Program::new().sub(0.125).scale(0.5).clamp(-1.0, 1.0).exp();
        let sum = from_source(Blocks::new(readings, BLOCK)).kernel(score).reduce(Sum).run_on(on)?;
        Ok(scored(tiled_with_widest(sum)?.unwrap_or_default(), job.size))
    })
}
