//! Kernels over a stream of blocks, on as many workers as the job has.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{BLOCK, factor, in_blocks, numbers, polynomial, tiled_with_widest, widest};
use pipe_cache::{Tiled, fused};
use pipe_core::kernel::{Binary, Program, WithKernels};
use pipe_core::{Executor, from_iter};
use pipe_parallel::Parallel;
use std::sync::Arc;

fn workers(job: &Job) -> WithKernels<Parallel> {
    Parallel::new().workers(job.workers).kernels(Tiled::new())
}

pub(crate) fn axpy(job: &Job) -> Result<Outcome, BoxError> {
    let x: Vec<Arc<[f32]>> = numbers(job.parameter as usize, 1).chunks(BLOCK).map(Arc::from).collect();
    in_blocks(job, 2, |call, blocks| {
        let axpy = Program::new().with(Binary::Add).second(Program::new().scale(factor(call)));
        let pairs = from_iter(blocks.into_iter().zip(x.clone()));
        tiled_with_widest(pairs.pair_kernel(axpy).collect().run_on(&workers(job))?)
    })
}

pub(crate) fn polynomial_fused(job: &Job) -> Result<Outcome, BoxError> {
    widest()?;
    in_blocks(job, 1, |_, blocks| {
        Ok(from_iter(blocks).stage(fused(polynomial)).collect().run_on(&workers(job))?.value)
    })
}

pub(crate) fn chain5_program(job: &Job) -> Result<Outcome, BoxError> {
    in_blocks(job, 1, |_, blocks| {
        let chain = Program::new().sub(0.25).scale(0.5).abs().add(0.5).clamp(0.25, 0.875);
        tiled_with_widest(from_iter(blocks).kernel(chain).collect().run_on(&workers(job))?)
    })
}

pub(crate) fn normalised_program(job: &Job) -> Result<Outcome, BoxError> {
    in_blocks(job, 1, |_, blocks| {
        let normalised = Program::new().sub(0.125).scale(1.5).clamp(-3.0, 3.0);
        tiled_with_widest(from_iter(blocks).kernel(normalised).collect().run_on(&workers(job))?)
    })
}
