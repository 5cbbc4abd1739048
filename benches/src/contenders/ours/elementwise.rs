//! Kernels that make of each number another one: chains known beforehand, in one pass, and one that is data.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{
    chain5, checksum, factor, in_place, mean, normalised, on_two, on_two_unaligned, polynomial, restored,
    widest,
};
use pipe_core::kernel::{Compare, Program};

pub(crate) fn axpy(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    on_two(job, |call, x, y| simd.axpy(factor(call), x, y))
}

/// The same on numbers that begin beside the lines of the cache.
pub(crate) fn axpy_unaligned(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    on_two_unaligned(job, |call, x, y| simd.axpy(factor(call), x, y))
}

pub(crate) fn polynomial_fused(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    in_place(job, |x| simd.map(x, polynomial))
}

pub(crate) fn chain5_fused(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    in_place(job, |x| simd.map(x, chain5))
}

pub(crate) fn normalised_fused(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    in_place(job, |x| simd.map(x, normalised))
}

/// The chain as data: it could have been read from a file.
pub(crate) fn chain5_program(job: &Job) -> Result<Outcome, BoxError> {
    let (simd, program) = (widest()?, Program::new().sub(0.25).scale(0.5).abs().add(0.5).clamp(0.25, 0.875));
    in_place(job, |x| simd.run(&program, x))
}

pub(crate) fn exp(job: &Job) -> Result<Outcome, BoxError> {
    let (simd, program) = (widest()?, Program::new().exp());
    restored(job, |x| simd.run(&program, x), mean)
}

pub(crate) fn sigmoid(job: &Job) -> Result<Outcome, BoxError> {
    let (simd, program) = (widest()?, Program::new().sigmoid());
    restored(job, |x| simd.run(&program, x), mean)
}

pub(crate) fn compact(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    restored(job, |x| simd.retain(Compare::Greater, 0.0, x), checksum)
}
